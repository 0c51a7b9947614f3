import type { RateAllowance, Viewer } from 'stratos-core'
import { networkOf } from './network-of.ts'
import { RateByAsker } from './rate-by-asker.ts'

/** Reads that each may make in a minute. */
export interface ReadLimits {
  readonly perAccount: number
  /** Of requests without a credential. */
  readonly perNetwork: number
  /** An allow-listed service reads for all of its users. */
  readonly perService: number
}

/** Limits reads by who asks, on this instance. Operators have no limit. */
export class ReadRates {
  readonly #accounts: RateByAsker
  readonly #networks: RateByAsker
  readonly #services: RateByAsker

  constructor({ perAccount, perNetwork, perService }: ReadLimits, nowMs: () => number) {
    this.#accounts = new RateByAsker(perAccount, nowMs)
    this.#networks = new RateByAsker(perNetwork, nowMs)
    this.#services = new RateByAsker(perService, nowMs)
  }

  /**
   * Counts one read.
   *
   * @param address where it came from; only that of anonymous viewers counts
   * @returns what is left, or null where there is no limit
   * @throws {StratosError} `RateLimitExceeded`
   */
  charge(viewer: Viewer, address: string): RateAllowance | null {
    switch (viewer.kind) {
      case 'anonymous':
        return this.#networks.charge(networkOf(address))
      case 'user':
        return this.#accounts.charge(viewer.did)
      case 'service':
        return this.#services.charge(viewer.did)
      default:
        return null
    }
  }
}
