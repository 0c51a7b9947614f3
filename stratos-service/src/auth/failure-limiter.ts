import { RateLimitedError } from 'stratos-core'
import { networkOf } from '../limits/network-of.ts'

const MAX_NETWORKS = 50_000
/** More attempts than this from one network do not even wait. */
const MAX_WAITING = 1_000

interface Window {
  failures: number
  /** Attempts whose end is not known yet. */
  pending: number
  readonly waiting: (() => void)[]
  readonly endsAtMs: number
}

/**
 * Limits failed attempts by where they come from: after too many, further ones are refused for the rest of the window.
 *
 * An attempt counts as a failure until it has ended well. Otherwise as many guesses as fit on the way would all be looked
 * at before the first of them counts. Attempts beyond that wait until those before them have ended.
 */
export class FailureLimiter {
  readonly #maxFailures: number
  readonly #windowMs: number
  readonly #nowMs: () => number
  /** In the order in which their windows began. */
  readonly #windows = new Map<string, Window>()

  constructor(options: {
    readonly maxFailures: number
    readonly windowMs: number
    readonly nowMs: () => number
  }) {
    this.#maxFailures = options.maxFailures
    this.#windowMs = options.windowMs
    this.#nowMs = options.nowMs
  }

  /**
   * Runs one attempt from `address`.
   *
   * @param isFailure which errors count
   * @throws {StratosError} `RateLimitExceeded` after too many failures, whatever the attempt would have brought; otherwise
   *   what `attempt` throws
   */
  async run<T>(address: string, isFailure: (err: unknown) => boolean, attempt: () => Promise<T>): Promise<T> {
    const network = networkOf(address)
    const window = await this.#enter(network)
    try {
      return await attempt()
    } catch (err) {
      if (isFailure(err)) window.failures += 1
      throw err
    } finally {
      window.pending -= 1
      this.#leave(network, window)
    }
  }

  async #enter(network: string): Promise<Window> {
    for (;;) {
      const window = this.#windowOf(network)
      if (window.failures + window.pending < this.#maxFailures) {
        window.pending += 1
        return window
      }
      const full = window.failures >= this.#maxFailures || window.waiting.length >= MAX_WAITING
      if (full) throw new RateLimitedError(window.endsAtMs - this.#nowMs())
      await new Promise<void>((resolve) => window.waiting.push(resolve))
    }
  }

  #leave(network: string, window: Window): void {
    const isOver = window.failures >= this.#maxFailures || window.endsAtMs <= this.#nowMs()
    for (const next of window.waiting.splice(0, isOver ? Infinity : 1)) next()
    // Most senders never fail; only those who do take up room.
    const isEmpty = window.failures === 0 && window.pending === 0 && window.waiting.length === 0
    if (isEmpty && this.#windows.get(network) === window) this.#windows.delete(network)
  }

  #windowOf(network: string): Window {
    const nowMs = this.#nowMs()
    const known = this.#windows.get(network)
    if (known !== undefined && known.endsAtMs > nowMs) return known
    this.#windows.delete(network)
    for (const [oldest, { endsAtMs }] of this.#windows) {
      if (endsAtMs > nowMs && this.#windows.size < MAX_NETWORKS) break
      this.#windows.delete(oldest)
    }
    const window = { failures: 0, pending: 0, waiting: [], endsAtMs: nowMs + this.#windowMs }
    this.#windows.set(network, window)
    return window
  }
}
