/** Longest delay that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** A database that is full or away may be back by then. */
const AFTER_ERROR_MS = 60_000

/**
 * Runs work for keys: one run at a time for each, once more if it was woken meanwhile, and again when the run asks for
 * it.
 */
export class WakeUps<K> {
  readonly #run: (key: K) => Promise<number | null>
  readonly #nowMs: () => number
  readonly #onError: (key: K, err: unknown) => void
  readonly #active = new Map<K, { again: boolean; done: Promise<void> }>()
  readonly #timers = new Map<K, NodeJS.Timeout>()
  #stopped = false

  /** @param run returns when to run again, in milliseconds since the epoch, or null; if it throws, it is run again later */
  constructor(
    run: (key: K) => Promise<number | null>,
    nowMs: () => number,
    onError: (key: K, err: unknown) => void,
  ) {
    this.#run = run
    this.#nowMs = nowMs
    this.#onError = onError
  }

  /** @returns a promise that resolves when this key is idle again */
  async wake(key: K): Promise<void> {
    if (this.#stopped) return
    const active = this.#active.get(key)
    if (active !== undefined) {
      active.again = true
      return active.done
    }
    clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
    const entry = { again: false, done: Promise.resolve() }
    this.#active.set(key, entry)
    entry.done = this.#loop(key, entry)
    return entry.done
  }

  /** Whether a run of this key is under way or will come by itself. */
  knows(key: K): boolean {
    return this.#active.has(key) || this.#timers.has(key)
  }

  /** Resolves when no run is under way for this key. */
  async idle(key: K): Promise<void> {
    await this.#active.get(key)?.done
  }

  /** Lets the runs under way end and starts none anew. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    await Promise.all([...this.#active.values()].map((entry) => entry.done))
  }

  async #loop(key: K, entry: { again: boolean }): Promise<void> {
    let nextAtMs: number | null
    do {
      entry.again = false
      nextAtMs = await this.#run(key).catch((err: unknown) => {
        this.#onError(key, err)
        return this.#nowMs() + AFTER_ERROR_MS
      })
    } while (entry.again && !this.#stopped)
    this.#active.delete(key)
    if (nextAtMs !== null && !this.#stopped) this.#schedule(key, nextAtMs - this.#nowMs())
  }

  #schedule(key: K, delayMs: number): void {
    const timer = setTimeout(() => void this.wake(key), Math.min(Math.max(delayMs, 0), MAX_TIMER_MS))
    timer.unref()
    this.#timers.set(key, timer)
  }
}
