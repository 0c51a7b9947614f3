import {
  RateLimitedError,
  StratosError,
  type Did,
  type RateAllowance,
  type WriteRate,
  type WriteRateLimiter,
} from 'stratos-core'
import { KeyedLock } from './keyed-lock.ts'
import { allowanceOf, chargeWrites, refundWrites, type WriteRateState } from './write-rate.ts'

const MAX_KNOWN = 20_000
const MAX_ATTEMPTS = 20

/** What is kept of a user, and a mark by which its keeper knows whether it is still so. */
export interface KnownRate<M> {
  readonly state: WriteRateState
  readonly mark: M
}

/** Keeps what the limit on writes remembers, for all instances. */
export interface SharedWriteRates<M> {
  load(did: Did): Promise<KnownRate<M>>
  /** @returns the mark of what is kept now; null if it was not as the caller believed, and nothing is changed */
  save(did: Did, mark: M, state: WriteRateState): Promise<M | null>
  forget(did: Did): Promise<void>
}

/**
 * The limit on writes for all instances together. What an instance believes of a user is written only if nobody else has
 * written since, which takes one round trip while a user stays with an instance.
 */
export class SharedWriteRateLimiter<M> implements WriteRateLimiter {
  readonly #rates: SharedWriteRates<M>
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #random: () => number
  readonly #known = new Map<Did, KnownRate<M>>()
  readonly #turns = new KeyedLock()

  constructor(
    rates: SharedWriteRates<M>,
    rate: WriteRate,
    nowMs: () => number,
    random: () => number = Math.random,
  ) {
    this.#rates = rates
    this.#rate = rate
    this.#nowMs = nowMs
    this.#random = random
  }

  async charge(did: Did, writes: number): Promise<RateAllowance> {
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

  async forget(did: Did): Promise<void> {
    this.#known.delete(did)
    await this.#rates.forget(did)
  }

  async #change<C extends { readonly state: WriteRateState }>(
    did: Did,
    change: (before: WriteRateState, nowMs: number) => C,
  ): Promise<C> {
    return this.#turns.run(did, async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const known = this.#known.get(did) ?? this.#remember(did, await this.#rates.load(did))
        const changed = change(known.state, this.#nowMs())
        if (changed.state === known.state || (await this.#save(did, known.mark, changed.state)))
          return changed
      }
      throw new StratosError('ServiceUnavailable', 'too many writes at the same time')
    })
  }

  async #save(did: Did, mark: M, state: WriteRateState): Promise<boolean> {
    const saved = await this.#rates.save(did, mark, state)
    if (saved === null) this.#known.delete(did)
    else this.#remember(did, { state, mark: saved })
    return saved !== null
  }

  #remember(did: Did, known: KnownRate<M>): KnownRate<M> {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(did, known)
    return known
  }
}
