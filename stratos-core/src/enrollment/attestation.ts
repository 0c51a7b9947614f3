/**
 * The service's signed word that an actor is a member of certain boundaries. It travels in the public enrollment record,
 * so that anybody can check it without asking the service. It names neither an audience nor a time: it proves that the
 * service once said so, not that it still does.
 */
import type { Keypair } from '@atproto/crypto'
import { encode } from '@atproto/lex-cbor'
import { StratosError } from '../errors.ts'
import { verifySignature } from '../signature/verify-signature.ts'

/** What the service signs. */
export interface AttestedMembership {
  readonly did: string
  /** In any order. */
  readonly boundaries: readonly string[]
  /** `did:key` of the key that signs the actor's repo. */
  readonly signingKey: string
}

export interface Attestation {
  /** 64 bytes: r and s of an ECDSA signature over the SHA-256 of the payload, low-S. */
  readonly sig: Uint8Array
  /** `did:key` of the service. */
  readonly signingKey: string
}

/** The signed bytes: canonical DAG-CBOR of the three members, with the boundaries in code unit order. */
export function encodeAttestation({ did, boundaries, signingKey }: AttestedMembership): Uint8Array {
  return encode({ boundaries: boundaries.toSorted(), did, signingKey })
}

/** @param keypair the service's own key */
export async function signAttestation(
  membership: AttestedMembership,
  keypair: Keypair,
): Promise<Attestation> {
  return { sig: await keypair.sign(encodeAttestation(membership)), signingKey: keypair.did() }
}

/**
 * Checks that a service attests to a membership.
 *
 * @param serviceSigningKey `did:key` from the DID document of the service that the boundaries belong to. The key inside
 *   the attestation proves nothing by itself: anybody can sign with a key of their own.
 * @throws {StratosError} `InvalidRecord` if the attestation is by another key or its signature does not match
 */
export async function verifyAttestation(
  membership: AttestedMembership,
  attestation: Attestation,
  serviceSigningKey: string,
): Promise<void> {
  if (attestation.signingKey !== serviceSigningKey) {
    throw new StratosError('InvalidRecord', 'the attestation was not made with the key of the service')
  }
  if (!(await verifySignature(serviceSigningKey, encodeAttestation(membership), attestation.sig))) {
    throw new StratosError('InvalidRecord', 'the signature of the attestation does not match what it attests')
  }
}
