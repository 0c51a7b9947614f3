import type { Kysely } from 'kysely'
import {
  RateLimitedError,
  StratosError,
  type Did,
  type WriteAllowance,
  type WriteRate,
  type WriteRateLimiter,
} from 'stratos-core'
import { KeyedLock } from '../limits/keyed-lock.ts'
import {
  allowanceOf,
  chargeWrites,
  idleAtMs,
  NO_WRITES,
  refundWrites,
  type WriteRateState,
} from '../limits/write-rate.ts'
import type { ServiceTables } from './schema.ts'

const SWEEP_EVERY_MS = 60_000
const MAX_KNOWN = 20_000
const MAX_ATTEMPTS = 20

interface Known {
  readonly state: WriteRateState
  /** Of the row that holds this state. */
  readonly version: number
}

/**
 * The limit on writes in the service database, and so for all instances together. What an instance believes of a user is
 * written only if nobody else has written since, which takes one statement while a user stays with an instance.
 */
export class SqlWriteRateLimiter implements WriteRateLimiter {
  readonly #db: Kysely<ServiceTables>
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #random: () => number
  readonly #known = new Map<Did, Known>()
  readonly #turns = new KeyedLock()
  #sweptAtMs = 0

  constructor(
    db: Kysely<ServiceTables>,
    rate: WriteRate,
    nowMs: () => number,
    random: () => number = Math.random,
  ) {
    this.#db = db
    this.#rate = rate
    this.#nowMs = nowMs
    this.#random = random
  }

  async charge(did: Did, writes: number): Promise<WriteAllowance> {
    await this.#sweep()
    // What is only asked is not written, so it would not come to light that another instance knows better.
    if (writes === 0) this.#known.delete(did)
    const { state, retryAfterMs, nowMs } = await this.#change(did, (before, nowMs) => ({
      ...chargeWrites(before, writes, this.#rate, nowMs, this.#random),
      nowMs,
    }))
    if (retryAfterMs !== null) throw new RateLimitedError(retryAfterMs)
    return allowanceOf(state, this.#rate, nowMs)
  }

  async refund(did: Did, writes: number): Promise<void> {
    await this.#change(did, (before) => ({ state: refundWrites(before, writes) }))
  }

  async #change<C extends { readonly state: WriteRateState }>(
    did: Did,
    change: (before: WriteRateState, nowMs: number) => C,
  ): Promise<C> {
    return this.#turns.run(did, async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const known = this.#known.get(did) ?? (await this.#load(did))
        const changed = change(known.state, this.#nowMs())
        if (changed.state === known.state || (await this.#save(did, known.version, changed.state)))
          return changed
      }
      throw new StratosError('ServiceUnavailable', 'too many writes at the same time')
    })
  }

  async forget(did: Did): Promise<void> {
    this.#known.delete(did)
    await this.#db.deleteFrom('write_rate').where('did', '=', did).execute()
  }

  /** Makes the row if need be. */
  async #load(did: Did): Promise<Known> {
    const row = await this.#db
      .insertInto('write_rate')
      .values({ did, state: JSON.stringify(NO_WRITES), version: 1, idle_at_ms: 0 })
      .onConflict((conflict) => conflict.column('did').doUpdateSet({ did }))
      .returning(['state', 'version'])
      .executeTakeFirstOrThrow()
    return this.#remember(did, { state: JSON.parse(row.state) as WriteRateState, version: row.version })
  }

  /** @returns whether the row was still as we knew it */
  async #save(did: Did, version: number, state: WriteRateState): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('write_rate')
      .set({
        state: JSON.stringify(state),
        version: version + 1,
        idle_at_ms: idleAtMs(state, this.#rate),
      })
      .where('did', '=', did)
      .where('version', '=', version)
      .executeTakeFirstOrThrow()
    const saved = numUpdatedRows === 1n
    if (saved) this.#remember(did, { state, version: version + 1 })
    else this.#known.delete(did)
    return saved
  }

  #remember(did: Did, known: Known): Known {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(did, known)
    return known
  }

  async #sweep(): Promise<void> {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    await this.#db.deleteFrom('write_rate').where('idle_at_ms', '<=', nowMs).execute()
  }
}
