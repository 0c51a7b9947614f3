import { parseEnrollmentRecord, type Boundary } from 'stratos-core'

/** A user's membership with one service, as published on their PDS. */
export interface StratosEnrollment {
  /** base URL of the service */
  service: string
  /** what the user may read and write, fully qualified: `did:web:stratos.example.com/writers` */
  boundaries: { value: Boundary }[]
  /** `did:key` of the key that signs the user's private repo */
  signingKey: string
  attestation: ServiceAttestation
  /** ISO 8601 */
  createdAt: string
  /** key of the record on the PDS */
  rkey: string
}

/** The service's signature over the membership; nothing here has verified it. */
export interface ServiceAttestation {
  sig: Uint8Array
  /** `did:key` of the key the service signed with */
  signingKey: string
}

/** Reads an enrollment record; null if it is not a usable one. */
export function parseEnrollment(value: unknown, rkey: string): StratosEnrollment | null {
  const record = parseEnrollmentRecord(value, rkey)
  if (record === null) return null
  const { service, boundaries, signingKey, attestation, createdAt } = record
  return {
    service,
    boundaries: boundaries.map((boundary) => ({ value: boundary })),
    signingKey,
    attestation: { sig: attestation.sig, signingKey: attestation.signingKey },
    createdAt,
    rkey,
  }
}
