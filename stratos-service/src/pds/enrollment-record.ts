import type { Keypair } from '@atproto/crypto'
import { buildEnrollmentRecord, parseNsid, parseRkey, signAttestation, type Enrollment } from 'stratos-core'
import type { PdsAccounts } from './pds-accounts.ts'

const COLLECTION = parseNsid('zone.stratos.actor.enrollment')

/** Publishes enrollments: the record on a user's PDS by which others find this service. */
export class EnrollmentRecords {
  readonly #pds: PdsAccounts
  readonly #serviceUrl: string
  readonly #serviceKey: Keypair

  constructor(options: { pds: PdsAccounts; serviceUrl: string; serviceKey: Keypair }) {
    this.#pds = options.pds
    this.#serviceUrl = options.serviceUrl
    this.#serviceKey = options.serviceKey
  }

  /** Writes the record with a new attestation; the enrollment's own date stays. */
  async publish(enrollment: Enrollment): Promise<void> {
    const { did, boundaries, signingKey, enrolledAt } = enrollment
    const attestation = await signAttestation({ did, boundaries, signingKey }, this.#serviceKey)
    const service = this.#serviceUrl
    const record = buildEnrollmentRecord({
      service,
      boundaries,
      signingKey,
      attestation,
      createdAt: enrolledAt,
    })
    const account = await this.#pds.open(did)
    await account.putRecord(COLLECTION, parseRkey(enrollment.enrollmentRkey), record)
  }
}
