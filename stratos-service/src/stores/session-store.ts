import type { Kysely, Selectable } from 'kysely'
import { parseDid, type Did, type SessionKey, type SessionStore } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

/** Session keys in the service database, so that every instance sees a registration and a revocation. */
export class SqlSessionStore implements SessionStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async find(jkt: string, nowMs: number): Promise<SessionKey | null> {
    const row = await this.#db
      .selectFrom('session_key')
      .select(['jkt', 'did', 'created_at_ms', 'expires_at_ms'])
      .where('jkt', '=', jkt)
      .where('expires_at_ms', '>', nowMs)
      .executeTakeFirst()
    return row === undefined ? null : toSessionKey(row)
  }

  async register(key: SessionKey, maxPerDid: number): Promise<'registered' | 'in-use'> {
    const row = { did: key.did, created_at_ms: key.createdAtMs, expires_at_ms: key.expiresAtMs }
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('session_key')
      .values({ jkt: key.jkt, ...row })
      .onConflict((conflict) =>
        conflict
          .column('jkt')
          .doUpdateSet(row)
          .where((eb) =>
            eb.or([
              eb('session_key.did', '=', key.did),
              eb('session_key.expires_at_ms', '<=', key.createdAtMs),
            ]),
          ),
      )
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows !== 1n) return 'in-use'
    // On its own, so that of several registrations at the same time the last one sees them all.
    await this.#db
      .deleteFrom('session_key')
      .where((eb) =>
        eb.or([
          eb('expires_at_ms', '<=', key.createdAtMs),
          eb('jkt', 'in', this.#surplus(key.did, maxPerDid)),
        ]),
      )
      .execute()
    return 'registered'
  }

  async delete(jkt: string): Promise<void> {
    await this.#db.deleteFrom('session_key').where('jkt', '=', jkt).execute()
  }

  async deleteAll(did: Did): Promise<number> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('session_key')
      .where('did', '=', did)
      .executeTakeFirstOrThrow()
    return Number(numDeletedRows)
  }

  async list(did: Did): Promise<SessionKey[]> {
    const rows = await this.#db
      .selectFrom('session_key')
      .select(['jkt', 'did', 'created_at_ms', 'expires_at_ms'])
      .where('did', '=', did)
      .orderBy('created_at_ms')
      .execute()
    return rows.map(toSessionKey)
  }

  #surplus(did: Did, maxPerDid: number) {
    return this.#db
      .selectFrom('session_key')
      .select('jkt')
      .where('did', '=', did)
      .orderBy('created_at_ms', 'desc')
      .orderBy('jkt')
      .limit(1_000)
      .offset(maxPerDid)
  }
}

function toSessionKey(row: Selectable<ServiceTables['session_key']>): SessionKey {
  return {
    jkt: row.jkt,
    did: parseDid(row.did),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  }
}
