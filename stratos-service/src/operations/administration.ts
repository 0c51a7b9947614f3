import {
  MAX_ENROLLED_BOUNDARIES,
  StratosError,
  type ApprovalStore,
  type AuditEntry,
  type AuditLog,
  type AuditedAction,
  type Boundary,
  type Did,
  type Enrollment,
  type EnrollmentStore,
} from 'stratos-core'

/** What operators do to enrollments. Whatever changes something says by whom, and is noted down in the audit log. */
export class Administration {
  readonly #enrollments: Pick<EnrollmentStore, 'find' | 'list' | 'changeBoundaries'>
  readonly #approvals: Pick<ApprovalStore, 'approve'>
  readonly #audit: Pick<AuditLog, 'list'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #changed: (did: Did) => Promise<void>

  constructor(options: {
    enrollments: Pick<EnrollmentStore, 'find' | 'list' | 'changeBoundaries'>
    approvals: Pick<ApprovalStore, 'approve'>
    audit: Pick<AuditLog, 'list'>
    serviceBoundaries: ReadonlySet<string>
    /** Told after every durable change of an enrollment; resolves when nothing is committed any more that relied on the former. */
    changed: (did: Did) => Promise<void>
  }) {
    this.#enrollments = options.enrollments
    this.#approvals = options.approvals
    this.#audit = options.audit
    this.#serviceBoundaries = options.serviceBoundaries
    this.#changed = options.changed
  }

  /** @throws {StratosError} `NotFound` for an account that is not enrolled */
  async getEnrollment(did: Did): Promise<Enrollment> {
    const enrollment = await this.#enrollments.find(did)
    if (enrollment === null) throw notEnrolled(did)
    return enrollment
  }

  /** In the order of their DIDs. @param after exclusive; empty text starts */
  async listEnrollments(after: string, limit: number, boundary?: string): Promise<Enrollment[]> {
    return this.#enrollments.list(after, limit, boundary)
  }

  /** @throws as `setBoundaries` */
  async addBoundary(did: Did, boundary: string, by: AuditedAction): Promise<Enrollment> {
    const [added] = this.#known([boundary])
    return this.#change(did, (held) => (added === undefined ? held : [...held, added]), by)
  }

  /**
   * Takes a boundary away, which may be one that the service does not have any more.
   *
   * @throws {StratosError} `NotFound` for an account that is not enrolled
   */
  async removeBoundary(did: Did, boundary: string, by: AuditedAction): Promise<Enrollment> {
    return this.#change(did, (held) => held.filter((other) => other !== boundary), by)
  }

  /**
   * Replaces an account's boundaries. Its records stay where they are.
   *
   * @param boundaries qualified; duplicates are dropped
   * @throws {StratosError} `InvalidRequest` for a boundary that this service does not have, or more than 50; `NotFound` for
   *   an account that is not enrolled
   */
  async setBoundaries(did: Did, boundaries: readonly string[], by: AuditedAction): Promise<Enrollment> {
    const wanted = this.#known(boundaries)
    return this.#change(did, () => wanted, by)
  }

  /**
   * Approves an account in advance.
   *
   * @param boundaries qualified; undefined stands for those that every new account gets
   * @returns what it will hold
   * @throws {StratosError} `InvalidRequest` for an unknown boundary, or for an account that is enrolled already
   */
  async approve(
    did: Did,
    boundaries: readonly string[] | undefined,
    by: AuditedAction,
  ): Promise<readonly Boundary[] | null> {
    const wanted = boundaries === undefined ? null : limited([...new Set(this.#known(boundaries))])
    const outcome = await this.#approvals.approve(did, { boundaries: wanted }, by)
    if (outcome === 'enrolled') throw new StratosError('InvalidRequest', `${did} is enrolled already`)
    return wanted
  }

  /** Newest first. @param query.before exclusive: number of the last entry of the page before */
  async listAudit(query: Parameters<AuditLog['list']>[0]): Promise<AuditEntry[]> {
    return this.#audit.list(query)
  }

  async #change(
    did: Did,
    change: (held: readonly Boundary[]) => readonly Boundary[],
    by: AuditedAction,
  ): Promise<Enrollment> {
    const enrollment = await this.#enrollments.changeBoundaries(
      did,
      (held) => limited([...new Set(change(held))]),
      by,
    )
    if (enrollment === null) throw notEnrolled(did)
    await this.#changed(did)
    return enrollment
  }

  #known(boundaries: readonly string[]): readonly Boundary[] {
    const unknown = boundaries.find((boundary) => !this.#serviceBoundaries.has(boundary))
    if (unknown !== undefined) {
      throw new StratosError('InvalidRequest', `${unknown} is not a boundary of this service`)
    }
    return boundaries as readonly Boundary[]
  }
}

function limited(boundaries: readonly Boundary[]): readonly Boundary[] {
  if (boundaries.length <= MAX_ENROLLED_BOUNDARIES) return boundaries
  throw new StratosError(
    'InvalidRequest',
    `an account may hold at most ${MAX_ENROLLED_BOUNDARIES} boundaries`,
  )
}

function notEnrolled(did: Did): StratosError {
  return new StratosError('NotFound', `${did} is not enrolled`)
}
