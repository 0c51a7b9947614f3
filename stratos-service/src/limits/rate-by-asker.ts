import { RateLimitedError, type RateAllowance } from 'stratos-core'

const WINDOW_MS = 60_000
const MAX_ASKERS = 50_000

/** Permits so many requests a minute to each asker, such as a network or an account. Bounded. */
export class RateByAsker {
  readonly #perMinute: number
  readonly #nowMs: () => number
  /** In the order in which their minutes began. */
  readonly #windows = new Map<string, { count: number; readonly endsAtMs: number }>()

  constructor(perMinute: number, nowMs: () => number) {
    this.#perMinute = perMinute
    this.#nowMs = nowMs
  }

  /**
   * Counts one request.
   *
   * @returns what is left of this minute
   * @throws {StratosError} `RateLimitExceeded` if it is one too many
   */
  charge(asker: string): RateAllowance {
    const nowMs = this.#nowMs()
    const window = this.#windowOf(asker, nowMs)
    const resetAfterMs = window.endsAtMs - nowMs
    if (window.count >= this.#perMinute) throw new RateLimitedError(resetAfterMs)
    window.count += 1
    const limit = this.#perMinute
    return { limit, windowMs: WINDOW_MS, remaining: limit - window.count, resetAfterMs }
  }

  #windowOf(asker: string, nowMs: number) {
    const known = this.#windows.get(asker)
    if (known !== undefined && known.endsAtMs > nowMs) return known
    this.#windows.delete(asker)
    for (const [oldest, { endsAtMs }] of this.#windows) {
      if (endsAtMs > nowMs && this.#windows.size < MAX_ASKERS) break
      this.#windows.delete(oldest)
    }
    const window = { count: 0, endsAtMs: nowMs + WINDOW_MS }
    this.#windows.set(asker, window)
    return window
  }
}
