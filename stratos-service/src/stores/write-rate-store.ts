import { sql, type Kysely } from 'kysely'
import type { Did, WriteRate } from 'stratos-core'
import type { KnownRate, SharedWriteRates } from '../limits/shared-write-rate-limiter.ts'
import { idleAtMs, NO_WRITES, type WriteRateState } from '../limits/write-rate.ts'
import { InGroups } from './in-groups.ts'
import { padded } from './pages.ts'
import type { ServiceTables } from './schema.ts'
import { Statements, type Values } from './statements.ts'

const SWEEP_EVERY_MS = 60_000
/** Statements under way; while there are so many, further changes wait and go together. */
const AT_ONCE = 2
const MAX_TOGETHER = 8

interface Change {
  readonly did: Did
  /** That the row must have. */
  readonly version: number
  readonly state: string
  readonly idleAtMs: number
  readonly [name: string]: Values
}

/**
 * What the limit on writes remembers, in the service database. The mark is the version of the row. What changes at the same
 * time, of different users, is written together.
 */
export class SqlWriteRates implements SharedWriteRates<number> {
  readonly #db: Kysely<ServiceTables>
  readonly #statements = new Statements()
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #changes = new InGroups<Change, boolean>({
    atOnce: AT_ONCE,
    maxTogether: MAX_TOGETHER,
    carryOut: (changes) => this.#saveAll(changes),
  })
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
    const saved = { did, version, state: JSON.stringify(state), idleAtMs: idleAtMs(state, this.#rate) }
    return (await this.#changes.ask(saved)) ? version + 1 : null
  }

  async forget(did: Did): Promise<void> {
    await this.#db.deleteFrom('write_rate').where('did', '=', did).execute()
  }

  /** @returns of each whether it was as the caller believed */
  async #saveAll(changes: readonly Change[]): Promise<boolean[]> {
    const db = this.#db
    const { rows } = await this.#statements.run(db, 'save', padded(changes), (saved) => {
      const tuples = saved.map(
        ({ did, version, state, idleAtMs }) =>
          sql`(${did}::text, ${version}::integer, ${state}::text, ${idleAtMs}::bigint)`,
      )
      const given = sql<Change>`(values ${sql.join(tuples)})`
      const dids = saved.map(({ did }) => did)
      return db
        .with('held', (query) =>
          // In one order everywhere: two instances that lock the same rows the other way around would wait for each other.
          query.selectFrom('write_rate').select('did').where('did', 'in', dids).orderBy('did').forUpdate(),
        )
        .updateTable('write_rate')
        .from('held')
        .from(given.as<'given'>(sql`given(did, version, state, "idleAtMs")`))
        .set((eb) => ({
          state: eb.ref('given.state'),
          version: eb('given.version', '+', 1),
          idle_at_ms: eb.ref('given.idleAtMs'),
        }))
        .whereRef('write_rate.did', '=', 'held.did')
        .whereRef('given.did', '=', 'held.did')
        .whereRef('write_rate.version', '=', 'given.version')
        .returning(['write_rate.did', 'write_rate.version'])
    })
    const done = new Set<string>(rows.map(({ did, version }) => `${did} ${version}`))
    return changes.map(({ did, version }) => done.has(`${did} ${version + 1}`))
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    await this.#db.deleteFrom('write_rate').where('idle_at_ms', '<=', nowMs).execute()
  }
}
