/**
 * Whether a service really says what an enrollment record on a user's PDS claims.
 *
 * Users write their own repos, so that a record there proves nothing by itself. The attestation inside it does, once its key
 * is found in the DID document of the service that the boundaries belong to.
 */
import { StratosError, parseBoundary, verifyAttestation, verifyMembership } from 'stratos-core'
import { resolveDidDocument, type DidDocument, type ResolveDidOptions } from './did-document.ts'
import { getEnrollmentByServiceDid, type PdsAccess } from './discovery.ts'
import type { StratosEnrollment } from './enrollment.ts'
import { StratosClientError } from './errors.ts'
import type { EnrollmentStatus } from './membership.ts'
import { DEFAULT_SERVICE_FRAGMENT } from './scopes.ts'

/** A public key as a `did:key` of P-256 or secp256k1. */
export type PublicKey = `did:key:${string}`

/** How the key of a service is looked up. */
export interface ResolveSigningKeyOptions extends ResolveDidOptions {
  /** Fragment of the service's DID under which its key may stand too; `atproto_pns` unless the operator changed it. */
  serviceFragment?: string
}

/**
 * Looks up the key with which a service signs attestations.
 *
 * @returns the key under `#atproto` of the service's DID document, or else the one under its fragment
 * @throws {StratosClientError} `DidNotResolved` if there is no document, or no key in it
 */
export async function resolveServiceSigningKey(
  serviceDid: string,
  options: ResolveSigningKeyOptions = {},
): Promise<PublicKey> {
  const { keys } = await resolveDidDocument(serviceDid, options)
  const key = keys.get('atproto') ?? keys.get(options.serviceFragment ?? DEFAULT_SERVICE_FRAGMENT)
  if (key === undefined)
    throw new StratosClientError('DidNotResolved', `${serviceDid} has no key for attestations`)
  return key as PublicKey
}

/**
 * Looks up the key that signs a user's private repo, as their PDS publishes it and the service attests it.
 *
 * @param pds URL of the user's PDS, or a handler that sends relative paths there
 * @returns null if the user is not enrolled with this service
 * @throws {StratosClientError} `InvalidAttestation` if the service does not attest to that key; `DidNotResolved`,
 *   `PdsUnreachable` or `PdsRequestFailed`
 */
export async function resolveUserSigningKey(
  pds: PdsAccess,
  did: string,
  serviceDid: string,
  options: ResolveSigningKeyOptions = {},
): Promise<PublicKey | null> {
  const enrollment = await getEnrollmentByServiceDid(did, pds, serviceDid, options)
  if (enrollment === null) return null
  await verifyEnrollment(did, serviceDid, enrollment, options)
  return enrollment.signingKey as PublicKey
}

/**
 * Checks that a service attests to an enrollment: to this user, these boundaries and this key, all together.
 *
 * The attestation has no date: it proves that the service has said so, not that it still does. Ask
 * `zone.stratos.enrollment.status` for the present.
 *
 * @param did the user in whose repo the enrollment was found
 * @param serviceDid the service that must have made the attestation
 * @throws {StratosClientError} `InvalidAttestation`, or `DidNotResolved` if the service's document cannot be had
 */
export async function verifyEnrollment(
  did: string,
  serviceDid: string,
  enrollment: StratosEnrollment,
  options: ResolveSigningKeyOptions = {},
): Promise<void> {
  const boundaries = enrollment.boundaries.map(({ value }) => value)
  assertOwnBoundaries(boundaries, serviceDid)
  const { attestation, signingKey } = enrollment
  const document = await resolveDidDocument(serviceDid, options)
  const serviceKey = findServiceKey(document, attestation.signingKey, options)
  if (serviceKey === null) throw invalid(`the attestation was not made with a key of ${serviceDid}`)
  await orInvalid(() => verifyAttestation({ did, boundaries, signingKey }, attestation, serviceKey))
}

/** What a service says of a membership to one recipient, for a limited time; a part of {@link EnrollmentStatus}. */
export type MembershipAttestation = NonNullable<EnrollmentStatus['attestationV2']>

/** What is asked of a {@link MembershipAttestation}. */
export interface MembershipExpectation {
  /** DID of whoever checks: the attestation must have been made for them. */
  audience: string
  /** DID of the service that must have made it. */
  serviceDid: string
  /** Highest `epoch` that the checker has seen for this user; earlier ones do not count any more. */
  minEpoch?: number
  /** Seconds since 1970; now by default. */
  nowSec?: number
}

/**
 * Checks that a service says, to this recipient and for the present, which boundaries a user holds.
 *
 * A membership can have changed since the attestation was made: keep the highest `epoch` seen for each user, and pass it as
 * `minEpoch`. Without that an attestation counts until its `exp`, a day at most.
 *
 * @throws {StratosClientError} `InvalidAttestation`, or `DidNotResolved` if the service's document cannot be had
 */
export async function verifyMembershipAttestation(
  attestation: MembershipAttestation,
  expected: MembershipExpectation,
  options: ResolveSigningKeyOptions = {},
): Promise<void> {
  const { audience, serviceDid, minEpoch = 0, nowSec = Math.floor(Date.now() / 1000) } = expected
  assertOwnBoundaries(attestation.boundaries, serviceDid)
  if (attestation.epoch < minEpoch) throw invalid('the membership has changed since it was attested')
  const document = await resolveDidDocument(serviceDid, options)
  const serviceKey = findServiceKey(document, attestation.serviceKey, options)
  if (serviceKey === null) throw invalid(`the attestation was not made with a key of ${serviceDid}`)
  await orInvalid(() => verifyMembership(attestation, { aud: audience, serviceKey, nowSec }))
}

function assertOwnBoundaries(boundaries: readonly string[], serviceDid: string): void {
  const foreign = boundaries.find((boundary) => parseBoundary(boundary)?.serviceDid !== serviceDid)
  if (foreign !== undefined) throw invalid(`${foreign} is not a boundary of ${serviceDid}`)
}

async function orInvalid(verify: () => Promise<void>): Promise<void> {
  try {
    await verify()
  } catch (err) {
    if (!(err instanceof StratosError)) throw err
    throw invalid(err.message, err)
  }
}

/** Former keys stay in the document for as long as their signatures count. */
function findServiceKey(
  { keys }: DidDocument,
  wanted: string,
  { serviceFragment = DEFAULT_SERVICE_FRAGMENT }: ResolveSigningKeyOptions,
): string | null {
  for (const [fragment, key] of keys) {
    const counts = fragment === 'atproto' || fragment === serviceFragment || /^previous_\d+$/.test(fragment)
    if (counts && key === wanted) return key
  }
  return null
}

function invalid(message: string, cause?: unknown): StratosClientError {
  return new StratosClientError('InvalidAttestation', message, { cause })
}
