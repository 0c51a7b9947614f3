export interface HandlePoolOptions<K, H> {
  /** How many handles may be open. Work on further keys waits until one of them is free. */
  readonly max: number
  /** A handle that nobody used for so long is closed. */
  readonly idleMs: number
  readonly open: (key: K) => Promise<H>
  readonly close: (handle: H) => Promise<void>
  /** Hears of handles that could not be closed. */
  readonly onError: (err: unknown) => void
  readonly nowMs: () => number
}

interface Entry<H> {
  readonly opening: Promise<H>
  users: number
  lastUsedAtMs: number
  /** Called when the last user leaves. */
  onceFree: (() => void) | null
}

/**
 * Open handles by key, each opened once. Where there is no room for another, the least recently used one that is free
 * makes place; a handle is never closed while somebody works with it.
 */
export class HandlePool<K, H> {
  readonly #options: HandlePoolOptions<K, H>
  /** In order of last use. */
  readonly #entries = new Map<K, Entry<H>>()
  /** Keys nobody may open for the time being: the same file must not be open twice, nor while it is being removed. */
  readonly #barred = new Map<K, Promise<void>>()
  readonly #waitingForRoom: (() => void)[] = []
  /** Handles that are being closed are open still. */
  #closing = 0
  readonly #timer: NodeJS.Timeout
  #closed = false

  constructor(options: HandlePoolOptions<K, H>) {
    this.#options = options
    this.#timer = setInterval(() => this.closeIdle(), Math.max(1_000, options.idleMs / 2))
    this.#timer.unref()
  }

  /** How many handles are open. */
  get size(): number {
    return this.#entries.size
  }

  async use<T>(key: K, work: (handle: H) => Promise<T>): Promise<T> {
    const entry = this.#enterOpen(key) ?? (await this.#enter(key))
    try {
      return await work(await entry.opening)
    } finally {
      this.#leave(entry)
    }
  }

  /** Closes the handle of a key after its last user and runs `work` while nobody can open it again. */
  async exclusive<T>(key: K, work: () => Promise<T>): Promise<T> {
    for (let before = this.#barred.get(key); before !== undefined; before = this.#barred.get(key))
      await before
    const turn = Promise.withResolvers<void>()
    this.#barred.set(key, turn.promise)
    try {
      const entry = this.#entries.get(key)
      this.#entries.delete(key)
      if (entry !== undefined) await this.#close(entry)
      return await work()
    } finally {
      this.#barred.delete(key)
      turn.resolve()
    }
  }

  /** Closes what was not used for a while. Done from time to time; to be called for more. */
  closeIdle(): void {
    const latestMs = this.#options.nowMs() - this.#options.idleMs
    for (const [key, entry] of this.#entries) {
      if (entry.users === 0 && entry.lastUsedAtMs <= latestMs) void this.#shut(key)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    for (const wake of this.#waitingForRoom.splice(0)) wake()
    for (const key of [...this.#entries.keys()]) void this.#shut(key)
    await Promise.all(this.#barred.values())
  }

  #enterOpen(key: K): Entry<H> | undefined {
    if (this.#closed) throw new Error('the pool is closed')
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    entry.users += 1
    return entry
  }

  async #enter(key: K): Promise<Entry<H>> {
    for (;;) {
      const known = this.#enterOpen(key)
      if (known !== undefined) return known
      const barred = this.#barred.get(key)
      if (barred !== undefined) await barred
      else if (this.#entries.size + this.#closing < this.#options.max) return this.#open(key)
      else await this.#makeRoom()
    }
  }

  #open(key: K): Entry<H> {
    const opening = this.#options.open(key)
    const entry: Entry<H> = { opening, users: 1, lastUsedAtMs: this.#options.nowMs(), onceFree: null }
    this.#entries.set(key, entry)
    // What could not be opened is tried anew by the next caller; this one hears of the reason.
    opening.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    })
    return entry
  }

  #leave(entry: Entry<H>): void {
    entry.users -= 1
    entry.lastUsedAtMs = this.#options.nowMs()
    if (entry.users > 0) return
    entry.onceFree?.()
    this.#waitingForRoom.shift()?.()
  }

  /** Resolves when there may be room. Whoever comes first takes it. */
  async #makeRoom(): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (entry.users === 0) return this.#shut(key)
    }
    await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve))
  }

  async #shut(key: K): Promise<void> {
    await this.exclusive(key, async () => undefined).catch(this.#options.onError)
  }

  async #close(entry: Entry<H>): Promise<void> {
    this.#closing += 1
    try {
      if (entry.users > 0) await new Promise<void>((resolve) => (entry.onceFree = resolve))
      const handle = await entry.opening.catch(() => null)
      if (handle !== null) await this.#options.close(handle)
    } finally {
      this.#closing -= 1
      this.#waitingForRoom.shift()?.()
    }
  }
}
