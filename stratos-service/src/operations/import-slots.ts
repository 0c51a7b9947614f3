import { RateLimitedError, StratosError, type Did } from 'stratos-core'

const RETRY_AFTER_MS = 10_000

/** How many imports run at once: one of each user, and few in all. */
export class ImportSlots {
  readonly #max: number
  readonly #busy = new Set<Did>()

  constructor(max: number) {
    this.#max = max
  }

  /** @throws {StratosError} `RateLimitExceeded` while the user imports already, `ServiceUnavailable` if many others do */
  async run<T>(did: Did, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(did)) throw new RateLimitedError(RETRY_AFTER_MS)
    if (this.#busy.size >= this.#max)
      throw new StratosError('ServiceUnavailable', 'too many imports are under way; try again later')
    this.#busy.add(did)
    try {
      return await work()
    } finally {
      this.#busy.delete(did)
    }
  }
}
