import { RateLimitedError, StratosError, type Viewer } from 'stratos-core'

/** Each holds a connection to the database, or a file, for as long as somebody takes to read. */
const MAX_EXPORTS = 8
/** Of one account, so that nobody can keep all places. */
const MAX_PER_ACCOUNT = 5
const RETRY_AFTER_MS = 10_000

/** How many exports run at once: a few of each account, and not many more in all. */
export class ExportSlots {
  readonly #running = new Map<string, number>()
  #count = 0

  /**
   * Takes a place.
   *
   * @returns gives it back; more than once does no harm
   * @throws {StratosError} `RateLimitExceeded` if the account has enough, `ServiceUnavailable` if there are too many in all
   */
  take(viewer: Viewer): () => void {
    const account = viewer.kind === 'user' ? viewer.did : ''
    const own = this.#running.get(account) ?? 0
    if (account !== '' && own >= MAX_PER_ACCOUNT) throw new RateLimitedError(RETRY_AFTER_MS)
    if (this.#count >= MAX_EXPORTS)
      throw new StratosError('ServiceUnavailable', 'too many exports are under way')
    this.#count += 1
    this.#running.set(account, own + 1)
    let taken = true
    return () => {
      if (!taken) return
      taken = false
      this.#count -= 1
      const left = (this.#running.get(account) ?? 1) - 1
      if (left === 0) this.#running.delete(account)
      else this.#running.set(account, left)
    }
  }
}
