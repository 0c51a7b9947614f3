import { StratosError } from 'stratos-core'
import { LruCache } from '../limits/lru-cache.ts'

export interface LookupOptions<V> {
  /** Finds out. null says that there is none; an error says that nobody knows at this time. */
  readonly look: (key: string) => Promise<V | null>
  /** For how long an answer is given again without asking. */
  readonly freshMs: number
  /** The same for "there is none" and for failures. */
  readonly missingMs: number
  /** A forced refresh is answered from a look this young: whoever signs badly must not make us fetch at will. */
  readonly refreshAfterMs: number
  /** How old an answer may be that is given when asking again has failed. */
  readonly maxStaleMs: number
  readonly maxEntries: number
  /** Whether an answer is worth its room; all are unless said otherwise. Others are asked for each time. */
  readonly isKept?: (value: V) => boolean
  readonly nowMs: () => number
}

interface Answer<V> {
  readonly value: V | null
  readonly asOfMs: number
}

interface Entry<V> {
  readonly answer: Promise<Answer<V>>
  readonly askedAtMs: number
  expiresAtMs: number
}

/** Answers from elsewhere, each asked for once at a time and kept for a while. Bounded. */
export class LookupCache<V> {
  readonly #options: LookupOptions<V>
  readonly #entries: LruCache<string, Entry<V>>

  constructor(options: LookupOptions<V>) {
    this.#options = options
    this.#entries = new LruCache(options.maxEntries)
  }

  /**
   * @param options.maxStaleMs less than the cache permits
   * @returns null if there is none, or nobody knows
   * @throws {StratosError} `ServiceUnavailable` if too much is being looked up already
   */
  async find(
    key: string,
    options: { readonly refresh?: boolean; readonly maxStaleMs?: number } = {},
  ): Promise<V | null> {
    const nowMs = this.#options.nowMs()
    const known = this.#entries.get(key)
    const isUsable =
      known !== undefined &&
      known.expiresAtMs > nowMs &&
      (options.refresh !== true || nowMs - known.askedAtMs < this.#options.refreshAfterMs)
    const { value, asOfMs } = await (isUsable ? known : this.#ask(key, known)).answer
    const maxStaleMs = Math.min(options.maxStaleMs ?? Infinity, this.#options.maxStaleMs)
    return nowMs - asOfMs > maxStaleMs ? null : value
  }

  /** Whether the next `find` will be answered without asking. */
  isKnown(key: string): boolean {
    return (this.#entries.get(key)?.expiresAtMs ?? 0) > this.#options.nowMs()
  }

  #ask(key: string, before: Entry<V> | undefined): Entry<V> {
    const { freshMs, missingMs, nowMs } = this.#options
    const askedAtMs = nowMs()
    const entry: Entry<V> = {
      askedAtMs,
      expiresAtMs: askedAtMs + freshMs,
      answer: this.#look(key, before, () => {
        entry.expiresAtMs = nowMs() + missingMs
      }),
    }
    this.#entries.set(key, entry)
    // Being busy says nothing about the key.
    entry.answer.catch(() => this.#entries.delete(key))
    void entry.answer.then(
      ({ value }) => {
        const isKept = value === null || this.#options.isKept?.(value) !== false
        if (!isKept && this.#entries.get(key) === entry) this.#entries.delete(key)
      },
      () => undefined,
    )
    return entry
  }

  async #look(key: string, before: Entry<V> | undefined, askAgainSoon: () => void): Promise<Answer<V>> {
    const asOfMs = this.#options.nowMs()
    try {
      const value = await this.#options.look(key)
      if (value === null) askAgainSoon()
      return { value, asOfMs }
    } catch (err) {
      if (err instanceof StratosError) throw err
      askAgainSoon()
      const last = await before?.answer.catch(() => undefined)
      return last ?? { value: null, asOfMs }
    }
  }
}
