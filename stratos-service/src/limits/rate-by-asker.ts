import { RateLimitedError } from 'stratos-core'

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

  /** Counts one request. @throws {StratosError} `RateLimitExceeded` if it is one too many */
  charge(asker: string): void {
    const nowMs = this.#nowMs()
    const window = this.#windows.get(asker)
    if (window !== undefined && window.endsAtMs > nowMs) {
      if (window.count >= this.#perMinute) throw new RateLimitedError(window.endsAtMs - nowMs)
      window.count += 1
      return
    }
    this.#windows.delete(asker)
    for (const [oldest, { endsAtMs }] of this.#windows) {
      if (endsAtMs > nowMs && this.#windows.size < MAX_ASKERS) break
      this.#windows.delete(oldest)
    }
    this.#windows.set(asker, { count: 1, endsAtMs: nowMs + WINDOW_MS })
  }
}
