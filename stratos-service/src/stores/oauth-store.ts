import { hash } from 'node:crypto'
import type { NodeSavedSession, NodeSavedState } from '@atproto/oauth-client-node'
import type { Kysely } from 'kysely'
import { formOfText, type Vault } from '../config/vault.ts'
import { LIFE_CYCLE_QUEUE } from './enrollment-store.ts'
import type { ServiceTables } from './schema.ts'

const STATE_TTL_MS = 10 * 60_000
const PAGE = 200

/** Authorization requests under way, kept for ten minutes, and sealed: they hold private keys. */
export class OauthStateStore {
  readonly #db: Kysely<ServiceTables>
  readonly #vault: Vault
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, vault: Vault, nowMs: () => number) {
    this.#db = db
    this.#vault = vault
    this.#nowMs = nowMs
  }

  async get(key: string): Promise<NodeSavedState | undefined> {
    const row = await this.#db
      .selectFrom('oauth_state')
      .select('state')
      .where('key', '=', key)
      .where('created_at_ms', '>', this.#nowMs() - STATE_TTL_MS)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return JSON.parse(this.#vault.openText(row.state, placeOfState(key))) as NodeSavedState
  }

  async set(key: string, state: NodeSavedState): Promise<void> {
    const nowMs = this.#nowMs()
    await this.#db
      .deleteFrom('oauth_state')
      .where('created_at_ms', '<=', nowMs - STATE_TTL_MS)
      .execute()
    const sealed = this.#vault.sealText(JSON.stringify(state), placeOfState(key))
    const row = { state: sealed, created_at_ms: nowMs }
    await this.#db
      .insertInto('oauth_state')
      .values({ key, ...row })
      .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
      .execute()
  }

  async del(key: string): Promise<void> {
    await this.#db.deleteFrom('oauth_state').where('key', '=', key).execute()
  }

  /** Brings all rows into the form in which the vault writes. @returns how many had another */
  async rewrap(): Promise<number> {
    return rewrapText(this.#vault, placeOfState, {
      page: (after) =>
        this.#db
          .selectFrom('oauth_state')
          .select(['key', 'state as kept'])
          .where('key', '>', after)
          .orderBy('key')
          .limit(PAGE)
          .execute(),
      replace: (key, kept, state) =>
        this.#db
          .updateTable('oauth_state')
          .set({ state })
          .where('key', '=', key)
          .where('state', '=', kept)
          .execute(),
    })
  }
}

/** The service's own OAuth sessions with its users' PDSes, by DID, and sealed: they hold tokens and private keys. */
export class OauthSessionStore {
  readonly #db: Kysely<ServiceTables>
  readonly #vault: Vault

  constructor(db: Kysely<ServiceTables>, vault: Vault) {
    this.#db = db
    this.#vault = vault
  }

  async get(did: string): Promise<NodeSavedSession | undefined> {
    const row = await this.#db
      .selectFrom('oauth_session')
      .select('session')
      .where('did', '=', did)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return JSON.parse(this.#vault.openText(row.session, placeOfSession(did))) as NodeSavedSession
  }

  async set(did: string, session: NodeSavedSession): Promise<void> {
    const row = { session: this.#vault.sealText(JSON.stringify(session), placeOfSession(did)) }
    await this.#db
      .insertInto('oauth_session')
      .values({ did, ...row })
      .onConflict((conflict) => conflict.column('did').doUpdateSet(row))
      .execute()
  }

  /**
   * Sessions of accounts that are neither enrolled nor on their way in or out.
   *
   * @param did only this account's
   */
  async listOrphans(did?: string): Promise<{ readonly did: string; readonly mark: string }[]> {
    const rows = await this.#db
      .selectFrom('oauth_session')
      .select(['did', 'session'])
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(selectFrom('enrollment').select('did').whereRef('enrollment.did', '=', 'oauth_session.did')),
        ),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('job')
              .select('key')
              .where('queue', '=', LIFE_CYCLE_QUEUE)
              .whereRef('job.key', '=', 'oauth_session.did'),
          ),
        ),
      )
      .$if(did !== undefined, (query) => query.where('did', '=', did ?? ''))
      .orderBy('did')
      .limit(PAGE)
      .execute()
    return rows.map((row) => ({ did: row.did, mark: hash('sha256', row.session, 'base64url') }))
  }

  async del(did: string): Promise<void> {
    await this.#db.deleteFrom('oauth_session').where('did', '=', did).execute()
  }

  /** As for states. */
  async rewrap(): Promise<number> {
    return rewrapText(this.#vault, placeOfSession, {
      page: (after) =>
        this.#db
          .selectFrom('oauth_session')
          .select(['did as key', 'session as kept'])
          .where('did', '>', after)
          .orderBy('did')
          .limit(PAGE)
          .execute(),
      replace: (did, kept, session) =>
        this.#db
          .updateTable('oauth_session')
          .set({ session })
          .where('did', '=', did)
          .where('session', '=', kept)
          .execute(),
    })
  }
}

function placeOfState(key: string): string {
  return `oauth-state:${key}`
}

function placeOfSession(did: string): string {
  return `oauth-session:${did}`
}

interface KeptText {
  page(after: string): Promise<readonly { readonly key: string; readonly kept: string }[]>
  /** Does nothing when the row has changed since it was read: whoever did that wrote it in the right form. */
  replace(key: string, kept: string, sealed: string): Promise<unknown>
}

async function rewrapText(vault: Vault, placeOf: (key: string) => string, rows: KeptText): Promise<number> {
  let rewrapped = 0
  for (let after = ''; ;) {
    const page = await rows.page(after)
    for (const { key, kept } of page) {
      if (formOfText(kept) === vault.form) continue
      const place = placeOf(key)
      await rows.replace(key, kept, vault.sealText(vault.openText(kept, place), place))
      rewrapped += 1
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return rewrapped
    after = last.key
  }
}
