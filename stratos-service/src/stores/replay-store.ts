import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { ReplayStore } from 'stratos-core'
import type { ServiceTables } from './schema.ts'
import { Statements } from './statements.ts'

const SWEEP_EVERY_MS = 30_000

/** Identifiers that may be used once, in the service database and so shared by all instances. */
export class SqlReplayStore implements ReplayStore {
  readonly #db: Kysely<ServiceTables>
  readonly #statements = new Statements()
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
    const db = this.#db
    const row = { key: hash('sha256', key, 'base64url'), expires_at_ms: expiresAtMs }
    const { numAffectedRows } = await this.#statements.run(db, 'use', row, (used) =>
      db
        .insertInto('replay')
        .values(used)
        .onConflict((conflict) => conflict.doNothing()),
    )
    return numAffectedRows === 1n
  }
}
