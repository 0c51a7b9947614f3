import type { NodeSavedSession, NodeSavedState } from '@atproto/oauth-client-node'
import type { Kysely } from 'kysely'
import type { ServiceTables } from './schema.ts'

const STATE_TTL_MS = 10 * 60_000

/** Authorization requests under way, kept for ten minutes. */
export class OauthStateStore {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async get(key: string): Promise<NodeSavedState | undefined> {
    const row = await this.#db
      .selectFrom('oauth_state')
      .select('state')
      .where('key', '=', key)
      .where('created_at_ms', '>', this.#nowMs() - STATE_TTL_MS)
      .executeTakeFirst()
    return row === undefined ? undefined : (JSON.parse(row.state) as NodeSavedState)
  }

  async set(key: string, state: NodeSavedState): Promise<void> {
    const nowMs = this.#nowMs()
    await this.#db
      .deleteFrom('oauth_state')
      .where('created_at_ms', '<=', nowMs - STATE_TTL_MS)
      .execute()
    const row = { state: JSON.stringify(state), created_at_ms: nowMs }
    await this.#db
      .insertInto('oauth_state')
      .values({ key, ...row })
      .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
      .execute()
  }

  async del(key: string): Promise<void> {
    await this.#db.deleteFrom('oauth_state').where('key', '=', key).execute()
  }
}

/** The service's own OAuth sessions with its users' PDSes, by DID. */
export class OauthSessionStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async get(did: string): Promise<NodeSavedSession | undefined> {
    const row = await this.#db
      .selectFrom('oauth_session')
      .select('session')
      .where('did', '=', did)
      .executeTakeFirst()
    return row === undefined ? undefined : (JSON.parse(row.session) as NodeSavedSession)
  }

  async set(did: string, session: NodeSavedSession): Promise<void> {
    const row = { session: JSON.stringify(session) }
    await this.#db
      .insertInto('oauth_session')
      .values({ did, ...row })
      .onConflict((conflict) => conflict.column('did').doUpdateSet(row))
      .execute()
  }

  async del(did: string): Promise<void> {
    await this.#db.deleteFrom('oauth_session').where('did', '=', did).execute()
  }
}
