const WINDOW_MS = 60_000
const MAX_KEPT = 50_000

/** Counts requests of each account in windows of a minute. */
export class RequestRate {
  readonly #perMinute: number
  readonly #nowMs: () => number
  #windowStartMs = 0
  readonly #counts = new Map<string, number>()

  constructor(perMinute: number, nowMs: () => number) {
    this.#perMinute = perMinute
    this.#nowMs = nowMs
  }

  /** @returns how long to wait, in seconds; 0 if the request may pass */
  take(asker: string): number {
    const nowMs = this.#nowMs()
    if (nowMs >= this.#windowStartMs + WINDOW_MS || this.#counts.size >= MAX_KEPT) {
      this.#windowStartMs = nowMs
      this.#counts.clear()
    }
    const count = (this.#counts.get(asker) ?? 0) + 1
    this.#counts.set(asker, count)
    return count <= this.#perMinute
      ? 0
      : Math.max(1, Math.ceil((this.#windowStartMs + WINDOW_MS - nowMs) / 1_000))
  }
}
