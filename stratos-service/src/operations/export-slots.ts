import { RateLimitedError, StratosError, type Did, type Viewer } from 'stratos-core'

/** Each holds a connection to the database, or a file, for as long as somebody takes to read. */
const MAX_EXPORTS = 8
/** Of all accounts together: a few of them that read slowly must not keep services from catching up. */
const MAX_OF_ACCOUNTS = 6
/** Of one account, so that nobody can keep all places. */
const MAX_PER_ACCOUNT = 5
const RETRY_AFTER_MS = 10_000

/** How many exports run at once: a few of each account, not many more in all, and some places are for services alone. */
export class ExportSlots {
  readonly #byAccount = new Map<string, number>()
  #ofServices = 0
  #ofAccounts = 0

  /**
   * Takes a place.
   *
   * @returns gives it back; more than once does no harm
   * @throws {StratosError} `RateLimitExceeded` if the account has enough, `ServiceUnavailable` if there are too many in all
   */
  take(viewer: Viewer): () => void {
    const account = viewer.kind === 'user' ? viewer.did : null
    const own = account === null ? 0 : (this.#byAccount.get(account) ?? 0)
    if (own >= MAX_PER_ACCOUNT) throw new RateLimitedError(RETRY_AFTER_MS)
    const isFull = this.#ofServices + this.#ofAccounts >= MAX_EXPORTS
    if (isFull || (account !== null && this.#ofAccounts >= MAX_OF_ACCOUNTS))
      throw new StratosError('ServiceUnavailable', 'too many exports are under way')
    this.#count(account, 1)
    let taken = true
    return () => {
      if (taken) this.#count(account, -1)
      taken = false
    }
  }

  #count(account: Did | null, change: 1 | -1): void {
    if (account === null) {
      this.#ofServices += change
      return
    }
    this.#ofAccounts += change
    const own = (this.#byAccount.get(account) ?? 0) + change
    if (own === 0) this.#byAccount.delete(account)
    else this.#byAccount.set(account, own)
  }
}
