import {
  RateLimitedError,
  StratosError,
  type Did,
  type RateAllowance,
  type WriteRateLimiter,
} from 'stratos-core'

/** A limit on writes that is counted elsewhere, and here alone while that place cannot be reached. */
export class FallbackWriteRateLimiter implements WriteRateLimiter {
  readonly #shared: WriteRateLimiter
  readonly #local: WriteRateLimiter

  constructor(shared: WriteRateLimiter, local: WriteRateLimiter) {
    this.#shared = shared
    this.#local = local
  }

  async charge(did: Did, writes: number): Promise<RateAllowance> {
    try {
      return await this.#shared.charge(did, writes)
    } catch (err) {
      // A refusal is an answer; anything else means that there is none.
      if (err instanceof RateLimitedError) throw err
      return this.#local.charge(did, writes)
    }
  }

  async refund(did: Did, writes: number): Promise<void> {
    try {
      await this.#shared.refund(did, writes)
    } catch (err) {
      if (err instanceof RateLimitedError) throw err
      await this.#local.refund(did, writes)
    }
  }

  /** What cannot be dropped now runs out by itself, and must not keep anybody from leaving. */
  async forget(did: Did): Promise<void> {
    await this.#local.forget(did)
    try {
      await this.#shared.forget(did)
    } catch (err) {
      if (err instanceof StratosError) throw err
    }
  }
}
