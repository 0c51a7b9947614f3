import type { Kysely, Selectable } from 'kysely'
import { parseDid, type Did, type SessionKey, type SessionStore } from 'stratos-core'
import type { ServiceTables } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** Session keys in the service database, so that every instance sees a registration and a revocation. */
export class SqlSessionStore implements SessionStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async find(jkt: string, nowMs: number): Promise<SessionKey | null> {
    const row = await this.#db
      .selectFrom('session_key')
      .selectAll()
      .where('jkt', '=', jkt)
      .where('expires_at_ms', '>', nowMs)
      .executeTakeFirst()
    return row === undefined ? null : toSessionKey(row)
  }

  async register(key: SessionKey, maxPerDid: number): Promise<'registered' | 'in-use'> {
    return inTransaction(this.#db, async (trx) => {
      const taken = await trx
        .selectFrom('session_key')
        .select('did')
        .where('jkt', '=', key.jkt)
        .where('did', '!=', key.did)
        .where('expires_at_ms', '>', key.createdAtMs)
        .executeTakeFirst()
      if (taken !== undefined) return 'in-use'
      const row = { did: key.did, created_at_ms: key.createdAtMs, expires_at_ms: key.expiresAtMs }
      await trx
        .insertInto('session_key')
        .values({ jkt: key.jkt, ...row })
        .onConflict((conflict) => conflict.column('jkt').doUpdateSet(row))
        .execute()
      const surplus = await trx
        .selectFrom('session_key')
        .select('jkt')
        .where('did', '=', key.did)
        .orderBy('created_at_ms', 'desc')
        .limit(1_000)
        .offset(maxPerDid)
        .execute()
      const expired = trx.deleteFrom('session_key').where('expires_at_ms', '<=', key.createdAtMs)
      await expired.execute()
      for (const { jkt } of surplus) await trx.deleteFrom('session_key').where('jkt', '=', jkt).execute()
      return 'registered'
    })
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
      .selectAll()
      .where('did', '=', did)
      .orderBy('created_at_ms')
      .execute()
    return rows.map(toSessionKey)
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
