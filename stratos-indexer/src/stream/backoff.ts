import { setTimeout as pause } from 'node:timers/promises'
import type { ReconnectDelays } from '../config.ts'

/** Pauses that double from one failure to the next. */
export class Backoff {
  readonly #delays: ReconnectDelays
  readonly #signal: AbortSignal
  #failures = 0

  constructor(delays: ReconnectDelays, signal: AbortSignal) {
    this.#delays = delays
    this.#signal = signal
  }

  /** Begins again with the shortest pause. */
  reset(): void {
    this.#failures = 0
  }

  /** Resolves at once when the signal aborts. */
  async wait(): Promise<void> {
    const { baseMs, maxMs, jitterMs } = this.#delays
    const ms = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures, 20)) + Math.random() * jitterMs
    this.#failures += 1
    try {
      await pause(ms, undefined, { signal: this.#signal })
    } catch (err) {
      if (!this.#signal.aborted) throw err
    }
  }
}
