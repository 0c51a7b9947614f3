import type { Kysely } from 'kysely'
import type { Did, WriteRate } from 'stratos-core'
import type { KnownRate, SharedWriteRates } from '../limits/shared-write-rate-limiter.ts'
import { idleAtMs, NO_WRITES, type WriteRateState } from '../limits/write-rate.ts'
import type { ServiceTables } from './schema.ts'
import { Statements } from './statements.ts'

const SWEEP_EVERY_MS = 60_000

/** What the limit on writes remembers, in the service database. The mark is the version of the row. */
export class SqlWriteRates implements SharedWriteRates<number> {
  readonly #db: Kysely<ServiceTables>
  readonly #statements = new Statements()
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  #sweptAtMs = 0

  constructor(db: Kysely<ServiceTables>, rate: WriteRate, nowMs: () => number) {
    this.#db = db
    this.#rate = rate
    this.#nowMs = nowMs
  }

  /** Makes the row if need be. */
  async load(did: Did): Promise<KnownRate<number>> {
    await this.#sweep()
    const row = await this.#db
      .insertInto('write_rate')
      .values({ did, state: JSON.stringify(NO_WRITES), version: 1, idle_at_ms: 0 })
      .onConflict((conflict) => conflict.column('did').doUpdateSet({ did }))
      .returning(['state', 'version'])
      .executeTakeFirstOrThrow()
    return { state: JSON.parse(row.state) as WriteRateState, mark: row.version }
  }

  async save(did: Did, version: number, state: WriteRateState): Promise<number | null> {
    const db = this.#db
    const change = {
      row: { state: JSON.stringify(state), version: version + 1, idle_at_ms: idleAtMs(state, this.#rate) },
      did,
      version,
    }
    const { numAffectedRows } = await this.#statements.run(db, 'save', change, (saved) =>
      db
        .updateTable('write_rate')
        .set(saved.row)
        .where('did', '=', saved.did)
        .where('version', '=', saved.version),
    )
    return numAffectedRows === 1n ? version + 1 : null
  }

  async forget(did: Did): Promise<void> {
    await this.#db.deleteFrom('write_rate').where('did', '=', did).execute()
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    await this.#db.deleteFrom('write_rate').where('idle_at_ms', '<=', nowMs).execute()
  }
}
