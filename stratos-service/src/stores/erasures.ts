export interface ErasureOptions<K> {
  /** Removes what is left of one key. */
  readonly erase: (key: K) => Promise<void>
  /** How long after the first of several removals of a key. */
  readonly afterMs: number
  readonly onError: (err: unknown) => void
}

/**
 * Work that removals make necessary, and that nobody should wait for. Several removals of one key within a while are one
 * piece of work, and one key is dealt with at a time.
 */
export class Erasures<K> {
  readonly #options: ErasureOptions<K>
  readonly #timers = new Map<K, NodeJS.Timeout>()
  #running: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: ErasureOptions<K>) {
    this.#options = options
  }

  /** To be called once a removal is durable. */
  soon(key: K): void {
    if (this.#closed || this.#timers.has(key)) return
    const timer = setTimeout(() => {
      this.#timers.delete(key)
      void this.#erase(key)
    }, this.#options.afterMs)
    this.#timers.set(key, timer.unref())
  }

  /**
   * Does what is due until `withinMs` have passed; the rest is not done.
   *
   * @param withinMs 0 ends what is under way and nothing else
   */
  async close(withinMs: number): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    const latestMs = Date.now() + withinMs
    for (const key of this.#timers.keys()) {
      if (Date.now() >= latestMs) break
      await this.#erase(key)
    }
    await this.#running
  }

  async #erase(key: K): Promise<void> {
    const { erase, onError } = this.#options
    this.#running = this.#running.then(() => erase(key)).catch(onError)
    await this.#running
  }
}
