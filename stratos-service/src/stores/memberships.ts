import type { Did, EnrollmentStore } from 'stratos-core'

interface Membership {
  readonly boundaries: ReadonlySet<string>
  /** Rises with every change of the enrollment. */
  readonly epoch: number
}

/** How long another instance's change may go unnoticed. */
const FRESH_MS = 5_000
const MAX_CACHED = 10_000

/** Who is behind which boundaries, from a bounded cache over the enrollments. */
export class CachedMemberships {
  readonly #enrollments: Pick<EnrollmentStore, 'find'>
  readonly #nowMs: () => number
  readonly #listeners: ((did: Did) => void)[] = []
  readonly #cache = new Map<Did, { membership: Promise<Membership | null>; expiresAtMs: number }>()

  constructor(enrollments: Pick<EnrollmentStore, 'find'>, nowMs: () => number) {
    this.#enrollments = enrollments
    this.#nowMs = nowMs
  }

  async find(did: Did): Promise<Membership | null> {
    const nowMs = this.#nowMs()
    const known = this.#cache.get(did)
    if (known !== undefined && known.expiresAtMs > nowMs) return known.membership
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
    const membership = this.#load(did)
    this.#cache.set(did, { membership, expiresAtMs: nowMs + FRESH_MS })
    membership.catch(() => this.#cache.delete(did))
    return membership
  }

  /** To be called after every change that this instance makes, so that it holds at once. */
  forget(did: Did): void {
    this.drop(did)
    for (const listener of this.#listeners) listener(did)
  }

  /** Reads again what another instance has changed. */
  drop(did: Did): void {
    this.#cache.delete(did)
  }

  /** Calls back after every change that this instance makes. */
  onChange(listener: (did: Did) => void): void {
    this.#listeners.push(listener)
  }

  async #load(did: Did): Promise<Membership | null> {
    const enrollment = await this.#enrollments.find(did)
    return enrollment?.active === true
      ? { boundaries: new Set(enrollment.boundaries), epoch: enrollment.epoch }
      : null
  }
}
