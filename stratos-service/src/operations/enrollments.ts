import type { Keypair } from '@atproto/crypto'
import {
  decideEligibility,
  serviceDidToRkey,
  signAttestation,
  StratosError,
  type Actors,
  type ApprovalStore,
  type Attestation,
  type Boundary,
  type Did,
  type Enrollment,
  type EnrollmentPolicy,
  type EnrollmentStore,
  type Rkey,
  type Viewer,
} from 'stratos-core'
import { initRepo } from './init-repo.ts'

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
    }

/** Enrollment and membership. */
export class Enrollments {
  readonly #actors: Actors
  readonly #store: EnrollmentStore
  readonly #approvals: Pick<ApprovalStore, 'find'>
  readonly #policy: EnrollmentPolicy
  readonly #autoBoundaries: readonly Boundary[]
  readonly #service: { readonly did: Did }
  readonly #serviceKey: Keypair
  readonly #changed: (did: Did) => Promise<void>
  readonly #nowMs: () => number

  constructor(options: {
    actors: Actors
    store: EnrollmentStore
    /** Say who may enroll whatever the policy, and behind what. */
    approvals: Pick<ApprovalStore, 'find'>
    policy: EnrollmentPolicy
    /** Given to every new user. */
    autoBoundaries: readonly Boundary[]
    service: { readonly did: Did }
    /** Signs attestations. */
    serviceKey: Keypair
    /** Told after every durable change, before the caller is answered. */
    changed: (did: Did) => Promise<void>
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#store = options.store
    this.#approvals = options.approvals
    this.#policy = options.policy
    this.#autoBoundaries = options.autoBoundaries
    this.#service = options.service
    this.#serviceKey = options.serviceKey
    this.#changed = options.changed
    this.#nowMs = options.nowMs
  }

  /**
   * Enrolls a user who has proven who they are. An existing enrollment stays as it is: repo, key, boundaries and date.
   *
   * @param pdsEndpoint origin of the user's PDS, from their DID document
   * @returns whether this call enrolled them
   * @throws {StratosError} `EnrollmentDenied`
   */
  async enroll(did: Did, pdsEndpoint: string | null): Promise<{ enrollment: Enrollment; isNew: boolean }> {
    const approval = await this.#approvals.find(did)
    if (approval === null && !decideEligibility(this.#policy, did, pdsEndpoint).allow)
      throw new StratosError('EnrollmentDenied', 'this service does not accept your account')
    if (pdsEndpoint === null) throw new StratosError('EnrollmentDenied', 'your DID document names no PDS')
    const before = await this.#store.find(did)
    if (before !== null) {
      await this.#changed(did)
      return { enrollment: before, isNew: false }
    }
    const keypair = await initRepo(this.#actors, did, this.#nowMs())
    const enrollment = await this.#store.enroll({
      did,
      enrolledAt: new Date(this.#nowMs()).toISOString(),
      signingKey: keypair.did(),
      boundaries: [...(approval?.boundaries ?? this.#autoBoundaries)],
      pdsEndpoint,
      enrollmentRkey: serviceDidToRkey(this.#service.did),
    })
    await this.#changed(did)
    return { enrollment, isNew: true }
  }

  /**
   * Says what `viewer` may know: anybody whether and since when, the subject, services and operators everything, another
   * user the boundaries that both share.
   */
  async status(viewer: Viewer, did: Did): Promise<EnrollmentStatus> {
    const enrollment = await this.#store.find(did)
    if (enrollment === null) return { enrolled: false }
    const { enrolledAt, signingKey, enrollmentRkey } = enrollment
    const boundaries = knownBoundaries(viewer, enrollment)
    const rkey = boundaries === undefined ? undefined : enrollmentRkey
    const attested = viewer.kind === 'service' || (viewer.kind === 'user' && viewer.did === did)
    const attestation = attested ? await signAttestation(enrollment, this.#serviceKey) : undefined
    return { enrolled: true, enrolledAt, signingKey, boundaries, enrollmentRkey: rkey, attestation }
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
