import { RateLimitedError, type Did } from 'stratos-core'

export interface WriteRate {
  readonly maxWrites: number
  readonly windowMs: number
  readonly cooldownMs: number
  readonly cooldownJitterMs: number
}

interface Account {
  /** When each counted write happened, oldest first. */
  writesAtMs: number[]
  cooldownUntilMs: number
}

const MAX_ACCOUNTS = 20_000

/**
 * A rolling window per user. Going over it starts a cool-down during which everything is refused; refused requests do
 * not prolong it.
 */
export class WriteRateLimiter {
  readonly #rate: WriteRate
  readonly #nowMs: () => number
  readonly #random: () => number
  readonly #accounts = new Map<Did, Account>()

  constructor(rate: WriteRate, nowMs: () => number, random: () => number = Math.random) {
    this.#rate = rate
    this.#nowMs = nowMs
    this.#random = random
  }

  /**
   * Counts `writes` against the user's window.
   *
   * @throws {RateLimitedError} if they do not fit, or during a cool-down; nothing is counted then
   */
  charge(did: Did, writes: number): void {
    const nowMs = this.#nowMs()
    const account = this.#account(did)
    if (nowMs < account.cooldownUntilMs) throw new RateLimitedError(account.cooldownUntilMs - nowMs)
    const { maxWrites, windowMs, cooldownMs, cooldownJitterMs } = this.#rate
    account.writesAtMs = account.writesAtMs.filter((atMs) => atMs > nowMs - windowMs)
    if (account.writesAtMs.length + writes > maxWrites) {
      account.cooldownUntilMs = nowMs + cooldownMs + Math.floor(this.#random() * cooldownJitterMs)
      throw new RateLimitedError(account.cooldownUntilMs - nowMs)
    }
    for (let i = 0; i < writes; i += 1) account.writesAtMs.push(nowMs)
  }

  #account(did: Did): Account {
    const known = this.#accounts.get(did)
    // Re-inserting keeps the map in order of last use, so that the bound drops the idlest.
    if (known !== undefined) this.#accounts.delete(did)
    const account = known ?? { writesAtMs: [], cooldownUntilMs: 0 }
    this.#accounts.set(did, account)
    if (this.#accounts.size > MAX_ACCOUNTS) {
      const idlest = this.#accounts.keys().next().value
      if (idlest !== undefined) this.#accounts.delete(idlest)
    }
    return account
  }
}
