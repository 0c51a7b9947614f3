/** Keeps the `max` most recently used values. */
export class RecentlyUsed<K, V> {
  readonly #max: number
  /** In order of use, the latest last. */
  readonly #values = new Map<K, V>()

  constructor(max: number) {
    this.#max = max
  }

  find(key: K): V | null {
    const value = this.#values.get(key)
    if (value === undefined) return null
    this.put(key, value)
    return value
  }

  put(key: K, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > this.#max && oldest !== undefined) this.#values.delete(oldest)
  }
}
