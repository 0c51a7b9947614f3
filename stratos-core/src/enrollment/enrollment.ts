import type { Boundary } from '../boundary/boundary.ts'
import type { Did, Rkey } from '../ids.ts'

/** Most boundaries that an account may hold on a service (lexicon `zone.stratos.actor.enrollment`). */
export const MAX_ENROLLED_BOUNDARIES = 50

/** One person's membership on a service, as the service keeps it. */
export interface Enrollment {
  readonly did: Did
  /** ISO 8601 in UTC. */
  readonly enrolledAt: string
  readonly active: boolean
  /** `did:key` of the P-256 key that the service keeps for this actor and that signs their repo. */
  readonly signingKey: string
  /** What the actor may read and write. */
  readonly boundaries: Boundary[]
  /** Rises with every change of the boundaries; 1 at first. */
  readonly epoch: number
  /** Base URL of the actor's PDS when they enrolled. */
  readonly pdsEndpoint: string
  /** Key of the public enrollment record on that PDS. */
  readonly enrollmentRkey: Rkey
}
/** Who may enroll, as the operator has configured it. */
export interface EnrollmentPolicy {
  /** `open` lets everybody in; `allowlist` only those whose DID or PDS is on one of the lists. */
  readonly mode: 'open' | 'allowlist'
  readonly allowedDids: ReadonlySet<string>
  /** Base URLs; a trailing slash makes no difference. */
  readonly allowedPdsEndpoints: readonly string[]
  /** Whether a list that is kept elsewhere names the actor. */
  readonly isListedElsewhere: boolean
}

export type Eligibility =
  { readonly allow: true } | { readonly allow: false; readonly reason: IneligibleReason }

/** `PdsEndpointNotFound`: PDSes are listed, but it is not known which one is this actor's. */
export type IneligibleReason = 'NotInAllowlist' | 'PdsEndpointNotFound'

/**
 * Decides whether an actor may enroll.
 *
 * @param pdsEndpoint from the actor's DID document, which proves that it is theirs; null if it names none
 */
export function decideEligibility(
  policy: EnrollmentPolicy,
  did: Did,
  pdsEndpoint: string | null,
): Eligibility {
  if (policy.mode === 'open' || policy.allowedDids.has(did) || policy.isListedElsewhere) {
    return { allow: true }
  }
  if (policy.allowedPdsEndpoints.length === 0) return { allow: false, reason: 'NotInAllowlist' }
  if (pdsEndpoint === null) return { allow: false, reason: 'PdsEndpointNotFound' }
  const actual = comparableUrl(pdsEndpoint)
  const listed = policy.allowedPdsEndpoints.some((endpoint) => comparableUrl(endpoint) === actual)
  return listed ? { allow: true } : { allow: false, reason: 'NotInAllowlist' }
}

function comparableUrl(text: string): string {
  return (URL.canParse(text) ? new URL(text).href : text).replace(/\/$/, '')
}
