/**
 * The service's word on a membership, for one recipient and for a limited time (lexicon
 * `zone.stratos.enrollment.status#attestationV2`). Unlike the attestation in the public record, it says when it was made,
 * and which change of the boundaries it follows.
 */
import type { Keypair } from '@atproto/crypto'
import { encode } from '@atproto/lex-cbor'
import { StratosError } from '../errors.ts'
import { verifySignature } from '../signature/verify-signature.ts'

/** What the service signs. Times are in seconds since 1970. */
export interface AudienceMembership {
  /** DID of whoever it was made for. */
  readonly aud: string
  /** In any order. */
  readonly boundaries: readonly string[]
  readonly did: string
  /** Rises with every change of the boundaries. */
  readonly epoch: number
  readonly exp: number
  readonly iat: number
  /** `did:key` of the key that signs the actor's repo. */
  readonly signingKey: string
}

export interface SignedMembership extends AudienceMembership {
  /** 64 bytes: r and s of an ECDSA signature over the SHA-256 of the payload, low-S. */
  readonly sig: Uint8Array
  /** `did:key` of the key that made the signature. */
  readonly serviceKey: string
}

const MAX_LIFE_S = 24 * 60 * 60
const LEEWAY_S = 30

/** The signed bytes: canonical DAG-CBOR of the seven members, with the boundaries in code unit order. */
export function encodeMembership(membership: AudienceMembership): Uint8Array {
  const { aud, boundaries, did, epoch, exp, iat, signingKey } = membership
  return encode({ aud, boundaries: boundaries.toSorted(), did, epoch, exp, iat, signingKey })
}

/** @param keypair the service's own key */
export async function signMembership(
  membership: AudienceMembership,
  keypair: Keypair,
): Promise<SignedMembership> {
  const boundaries = membership.boundaries.toSorted()
  return {
    ...membership,
    boundaries,
    sig: await keypair.sign(encodeMembership(membership)),
    serviceKey: keypair.did(),
  }
}

/**
 * Checks that a service says now that an actor is a member of certain boundaries.
 *
 * Does not know of later changes: of two that hold, the one with the higher `epoch` counts.
 *
 * @param expected `aud` is the DID of whoever checks; `serviceKey` the `did:key` from the DID document of the service that
 *   the boundaries belong to
 * @throws {StratosError} `InvalidRecord` if it is for somebody else, outside its time, valid for longer than a day, or not
 *   signed by the service
 */
export async function verifyMembership(
  signed: SignedMembership,
  expected: { readonly aud: string; readonly serviceKey: string; readonly nowSec: number },
): Promise<void> {
  const { aud, exp, iat, sig, serviceKey } = signed
  const { nowSec } = expected
  if (aud !== expected.aud) throw refused('was made for somebody else')
  if (!(iat <= nowSec + LEEWAY_S && nowSec < exp + LEEWAY_S)) throw refused('is not valid now')
  if (!(exp - iat <= MAX_LIFE_S)) throw refused('is valid for too long')
  if (serviceKey !== expected.serviceKey) throw refused('was not made with the key of the service')
  if (!(await verifySignature(expected.serviceKey, encodeMembership(signed), sig))) {
    throw refused('has a signature that does not match')
  }
}

function refused(why: string, options?: ErrorOptions): StratosError {
  return new StratosError('InvalidRecord', `the attestation ${why}`, options)
}
