export interface HandlePoolOptions<K, H> {
  /** How many handles stay open; more are opened only while that many are in use. */
  readonly max: number
  readonly open: (key: K) => Promise<H>
  readonly close: (handle: H) => Promise<void>
}

interface Entry<H> {
  readonly opening: Promise<H>
  users: number
}

/** Open handles by key, the least recently used closed first, and none while somebody works with it. */
export class HandlePool<K, H> {
  readonly #options: HandlePoolOptions<K, H>
  /** In order of last use. */
  readonly #entries = new Map<K, Entry<H>>()
  /** Handles being closed: the same file must not be open twice. */
  readonly #closing = new Map<K, Promise<void>>()
  #closed = false

  constructor(options: HandlePoolOptions<K, H>) {
    this.#options = options
  }

  async use<T>(key: K, work: (handle: H) => Promise<T>): Promise<T> {
    const entry = this.#enter(key)
    try {
      return await work(await entry.opening)
    } catch (err) {
      // A handle that could not be opened is tried anew by the next caller.
      const opened = await entry.opening.then(
        () => true,
        () => false,
      )
      if (!opened && this.#entries.get(key) === entry) this.#entries.delete(key)
      throw err
    } finally {
      entry.users -= 1
      this.#trim()
    }
  }

  /** Closes one handle after its last user; a later `use` opens it again. */
  async evict(key: K): Promise<void> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return this.#closing.get(key)
    this.#entries.delete(key)
    while (entry.users > 0) await new Promise((resolve) => setImmediate(resolve))
    await this.#close(key, entry)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#entries.keys()].map((key) => this.evict(key)))
    await Promise.all(this.#closing.values())
  }

  #enter(key: K): Entry<H> {
    if (this.#closed) throw new Error('the pool is closed')
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      const closing = this.#closing.get(key)
      const opening =
        closing === undefined ? this.#options.open(key) : closing.then(() => this.#options.open(key))
      entry = { opening, users: 0 }
    } else this.#entries.delete(key)
    this.#entries.set(key, entry)
    entry.users += 1
    return entry
  }

  #trim(): void {
    if (this.#entries.size <= this.#options.max) return
    for (const [key, entry] of this.#entries) {
      if (entry.users > 0) continue
      this.#entries.delete(key)
      void this.#close(key, entry)
      if (this.#entries.size <= this.#options.max) return
    }
  }

  #close(key: K, entry: Entry<H>): Promise<void> {
    const closing = entry.opening
      .then((handle) => this.#options.close(handle))
      .catch(() => undefined)
      .finally(() => this.#closing.delete(key))
    this.#closing.set(key, closing)
    return closing
  }
}
