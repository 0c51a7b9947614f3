import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { ReplayStore } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

const SWEEP_EVERY_MS = 30_000

/** Identifiers that may be used once, in the service database and so shared by all instances. */
export class SqlReplayStore implements ReplayStore {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number
  #sweptAtMs = 0

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async use(key: string, expiresAtMs: number): Promise<boolean> {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sweptAtMs > SWEEP_EVERY_MS) {
      this.#sweptAtMs = nowMs
      await this.#db.deleteFrom('replay').where('expires_at_ms', '<', nowMs).execute()
    }
    const inserted = await this.#db
      .insertInto('replay')
      .values({ key: hash('sha256', key, 'base64url'), expires_at_ms: expiresAtMs })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    return inserted.numInsertedOrUpdatedRows === 1n
  }
}
