import {
  RateLimitedError,
  type Did,
  type RateAllowance,
  type WriteRate,
  type WriteRateLimiter,
} from 'stratos-core'
import { allowanceOf, chargeWrites, NO_WRITES, refundWrites, type WriteRateState } from './write-rate.ts'

const MAX_USERS = 20_000

/** The limit on writes where one process is the whole service. Forgets the idlest of very many users. */
export class MemoryWriteRateLimiter implements WriteRateLimiter {
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #random: () => number
  /** In order of last use. */
  readonly #states = new Map<Did, WriteRateState>()

  constructor(rate: WriteRate, nowMs: () => number, random: () => number = Math.random) {
    this.#rate = rate
    this.#nowMs = nowMs
    this.#random = random
  }

  async charge(did: Did, writes: number): Promise<RateAllowance> {
    const before = this.#states.get(did) ?? NO_WRITES
    const nowMs = this.#nowMs()
    const { state, retryAfterMs } = chargeWrites(before, writes, this.#rate, nowMs, this.#random)
    this.#states.delete(did)
    this.#states.set(did, state)
    if (this.#states.size > MAX_USERS) {
      const [idlest] = this.#states.keys()
      if (idlest !== undefined) this.#states.delete(idlest)
    }
    if (retryAfterMs !== null) throw new RateLimitedError(retryAfterMs)
    return allowanceOf(state, this.#rate, nowMs)
  }

  async refund(did: Did, writes: number): Promise<void> {
    const state = this.#states.get(did)
    if (state !== undefined) this.#states.set(did, refundWrites(state, writes))
  }

  async forget(did: Did): Promise<void> {
    this.#states.delete(did)
  }
}
