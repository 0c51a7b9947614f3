import type { Kysely } from 'kysely'
import {
  RateLimitedError,
  type Did,
  type WriteAllowance,
  type WriteRate,
  type WriteRateLimiter,
} from 'stratos-core'
import { allowanceOf, chargeWrites, idleAtMs, NO_WRITES, type WriteRateState } from '../limits/write-rate.ts'
import type { ServiceTables } from './schema.ts'
import { inTransactionAfter } from './transaction.ts'

const SWEEP_EVERY_MS = 60_000

/** The limit on writes in the service database, and so for all instances together. */
export class SqlWriteRateLimiter implements WriteRateLimiter {
  readonly #db: Kysely<ServiceTables>
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #random: () => number
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
    const nowMs = this.#nowMs()
    await this.#sweep(nowMs)
    const { state, retryAfterMs } = await inTransactionAfter(
      this.#db,
      (trx) => lock(trx, did),
      async (trx, before) => {
        const outcome = chargeWrites(before, writes, this.#rate, nowMs, this.#random)
        if (outcome.state !== before) await this.#save(trx, did, outcome.state)
        return outcome
      },
    )
    if (retryAfterMs !== null) throw new RateLimitedError(retryAfterMs)
    return allowanceOf(state, this.#rate, nowMs)
  }

  async #save(trx: Kysely<ServiceTables>, did: Did, state: WriteRateState): Promise<void> {
    await trx
      .updateTable('write_rate')
      .set({ state: JSON.stringify(state), idle_at_ms: idleAtMs(state, this.#rate) })
      .where('did', '=', did)
      .execute()
  }

  async #sweep(nowMs: number): Promise<void> {
    if (nowMs - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = nowMs
    await this.#db.deleteFrom('write_rate').where('idle_at_ms', '<=', nowMs).execute()
  }
}

/** Holds the user's row, which it makes if need be: a row that changes nothing is locked all the same. */
async function lock(trx: Kysely<ServiceTables>, did: Did): Promise<WriteRateState> {
  const { state } = await trx
    .insertInto('write_rate')
    .values({ did, state: JSON.stringify(NO_WRITES), idle_at_ms: 0 })
    .onConflict((conflict) => conflict.column('did').doUpdateSet({ did }))
    .returning('state')
    .executeTakeFirstOrThrow()
  return JSON.parse(state) as WriteRateState
}
