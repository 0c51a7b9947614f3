import type { Keypair } from '@atproto/crypto'
import {
  decideEligibility,
  serviceDidToRkey,
  signAttestation,
  signMembership,
  StratosError,
  type ApprovalStore,
  type Attestation,
  type AuditedAction,
  type Boundary,
  type Did,
  type Enrollment,
  type EnrollmentPolicy,
  type EnrollmentStore,
  type Rkey,
  type SignedMembership,
  type Viewer,
} from 'stratos-core'
import type { LifeCycles } from './life-cycles.ts'

/** What one viewer may know of an enrollment. */
export type EnrollmentStatus =
  | { readonly enrolled: false }
  | {
      readonly enrolled: true
      readonly enrolledAt: string
      readonly signingKey: string
      /** Undefined for those who may not know any. */
      readonly boundaries: readonly Boundary[] | undefined
      readonly enrollmentRkey: Rkey | undefined
      /** For the subject and allow-listed services. */
      readonly attestation: Attestation | undefined
      /** For the subject, allow-listed services and operators. */
      readonly attestationV2: SignedMembership | undefined
      /** For the subject and operators: whether the service can reach their PDS in their name no more. */
      readonly needsReauth: boolean | undefined
    }

/** Accounts that may enroll by a list that is kept elsewhere. */
export interface ExternalList {
  /** Answers false when in doubt. */
  has(did: Did): Promise<boolean>
}

export interface EnrollmentsOptions {
  readonly store: EnrollmentStore
  readonly lifeCycles: Pick<LifeCycles, 'enroll' | 'unenroll'>
  /** Say who may enroll whatever the policy, and behind what. */
  readonly approvals: Pick<ApprovalStore, 'find'>
  readonly policy: Omit<EnrollmentPolicy, 'isListedElsewhere'>
  /** null if there is none. */
  readonly externalList: ExternalList | null
  /** Given to every new user. */
  readonly autoBoundaries: readonly Boundary[]
  readonly service: { readonly did: Did }
  /** Signs attestations. */
  readonly serviceKey: Keypair
  readonly pdsSessions: { exists(did: Did): Promise<boolean> }
  /** Told after every durable change, before the caller is answered. */
  readonly changed: (did: Did) => Promise<void>
  /** Told when an account has signed in again, and the service with it. */
  readonly returned: (did: Did) => Promise<void>
  /** Told as soon as an account is not enrolled any more. */
  readonly ended: (did: Did) => Promise<void>
  readonly nowMs: () => number
}

/** An attestation is asked for when it is needed; one that was made long ago says little. */
const ATTESTATION_LIFE_S = 15 * 60

/** Enrollment and membership. */
export class Enrollments {
  readonly #options: EnrollmentsOptions

  constructor(options: EnrollmentsOptions) {
    this.#options = options
  }

  /**
   * Enrolls a user who has proven who they are. An existing enrollment stays as it is: repo, key, boundaries and date. It
   * stays also if its user would not be let in today; the session they bring serves their stubs.
   *
   * @param pdsEndpoint origin of the user's PDS, from their DID document
   * @returns whether this call enrolled them
   * @throws {StratosError} `EnrollmentDenied`; `ServiceUnavailable` while a former enrollment is still being removed
   */
  async enroll(did: Did, pdsEndpoint: string | null): Promise<{ enrollment: Enrollment; isNew: boolean }> {
    const { store, approvals, lifeCycles, changed, returned } = this.#options
    const before = await store.find(did)
    if (before !== null) {
      await store.republish(did)
      await returned(did)
      return { enrollment: before, isNew: false }
    }
    if (pdsEndpoint === null) throw new StratosError('EnrollmentDenied', 'your DID document names no PDS')
    const approval = await approvals.find(did)
    if (approval === null && !(await this.#mayEnroll(did, pdsEndpoint)))
      throw new StratosError('EnrollmentDenied', 'this service does not accept your account')
    const { service, autoBoundaries, nowMs } = this.#options
    const enrolled = await lifeCycles.enroll(did, {
      kind: 'enroll',
      enrolledAt: new Date(nowMs()).toISOString(),
      pdsEndpoint,
      enrollmentRkey: serviceDidToRkey(service.did),
      boundaries: approval?.boundaries ?? autoBoundaries,
    })
    await changed(did)
    return enrolled
  }

  /**
   * Ends an enrollment and destroys everything that the account keeps here. The caller is answered when its private data
   * is gone, or is sure to go; stubs and enrollment record follow, as soon as the PDS can be reached.
   *
   * @param options.by who wants it; what an operator does is noted down
   * @returns the enrollment as it was
   * @throws {StratosError} `NotEnrolled`
   */
  async unenroll(did: Did, { by }: { by: 'self' | AuditedAction }): Promise<Enrollment> {
    const { lifeCycles, ended } = this.#options
    const enrollment = await lifeCycles.unenroll(did, by, () => ended(did))
    if (enrollment === null) throw new StratosError('NotEnrolled', 'this account is not enrolled here')
    return enrollment
  }

  /**
   * Says what `viewer` may know: anybody whether and since when, the subject, services and operators everything, another
   * user the boundaries that both share.
   */
  async status(viewer: Viewer, did: Did): Promise<EnrollmentStatus> {
    const { store, serviceKey, pdsSessions } = this.#options
    const enrollment = await store.find(did)
    if (enrollment === null) return { enrolled: false }
    const { enrolledAt, signingKey, enrollmentRkey } = enrollment
    const boundaries = knownBoundaries(viewer, enrollment)
    const isSubject = viewer.kind === 'user' && viewer.did === did
    const attested = isSubject || viewer.kind === 'service'
    return {
      enrolled: true,
      enrolledAt,
      signingKey,
      boundaries,
      enrollmentRkey: boundaries === undefined ? undefined : enrollmentRkey,
      attestation: attested ? await signAttestation(enrollment, serviceKey) : undefined,
      attestationV2: await this.#attestFor(viewer, enrollment),
      needsReauth: isSubject || viewer.kind === 'operator' ? !(await pdsSessions.exists(did)) : undefined,
    }
  }

  /** The boundaries of an account that `viewer` may know of; null if it is not enrolled. */
  async resolve(viewer: Viewer, did: Did): Promise<readonly Boundary[] | null> {
    const enrollment = await this.#options.store.find(did)
    return enrollment === null ? null : (knownBoundaries(viewer, enrollment) ?? [])
  }

  async #mayEnroll(did: Did, pdsEndpoint: string): Promise<boolean> {
    const { policy, externalList } = this.#options
    const isListedElsewhere = policy.mode === 'allowlist' && (await externalList?.has(did)) === true
    return decideEligibility({ ...policy, isListedElsewhere }, did, pdsEndpoint).allow
  }

  /** For whoever asks, and nobody else; an operator has no DID, and gets one made out to the service. */
  async #attestFor(viewer: Viewer, enrollment: Enrollment): Promise<SignedMembership | undefined> {
    const { service, serviceKey, nowMs } = this.#options
    const { did, boundaries, epoch, signingKey } = enrollment
    if (viewer.kind === 'anonymous' || (viewer.kind === 'user' && viewer.did !== did)) return undefined
    const aud = viewer.kind === 'operator' ? service.did : viewer.did
    const iat = Math.floor(nowMs() / 1000)
    const membership = { aud, boundaries, did, epoch, exp: iat + ATTESTATION_LIFE_S, iat, signingKey }
    return signMembership(membership, serviceKey)
  }
}

function knownBoundaries(viewer: Viewer, enrollment: Enrollment): readonly Boundary[] | undefined {
  switch (viewer.kind) {
    case 'service':
    case 'operator':
      return enrollment.boundaries
    case 'user':
      if (viewer.did === enrollment.did) return enrollment.boundaries
      if (!viewer.enrolled) return undefined
      return enrollment.boundaries.filter((boundary) => viewer.boundaries.has(boundary))
    case 'anonymous':
      return undefined
  }
}
