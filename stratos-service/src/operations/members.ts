import { StratosError, type Boundary, type Did } from 'stratos-core'

/** Who holds which boundaries at this moment. */
export interface Memberships {
  /** @returns null for an account that is not enrolled */
  find(did: Did): Promise<{ readonly boundaries: ReadonlySet<string> } | null>
}

/**
 * Asked again where a write is about to be committed: between the request and its turn at the repo a boundary may have been
 * taken away. Whoever takes one away waits for the writes under way, so that none is acknowledged afterwards. What another
 * instance takes away is noticed within the few seconds for which memberships are remembered.
 */
export class Members {
  readonly #memberships: Memberships

  constructor(memberships: Memberships) {
    this.#memberships = memberships
  }

  /** @throws {StratosError} `NotEnrolled`, or `ForbiddenBoundary` for a boundary that the account does not hold any more */
  async assertHolds(did: Did, boundaries: Iterable<Boundary | string>): Promise<void> {
    const membership = await this.#memberships.find(did)
    if (membership === null) throw new StratosError('NotEnrolled', 'you are not enrolled here any more')
    for (const boundary of boundaries) {
      if (membership.boundaries.has(boundary)) continue
      throw new StratosError('ForbiddenBoundary', `you may not write behind ${boundary}`)
    }
  }
}
