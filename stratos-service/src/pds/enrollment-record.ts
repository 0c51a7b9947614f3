import type { Keypair } from '@atproto/crypto'
import { buildEnrollmentRecord, parseNsid, signAttestation, type Enrollment } from 'stratos-core'
import type { PdsAccount, PdsAccounts } from './pds-accounts.ts'
import { isEnrollmentWith } from './public-traces.ts'

const COLLECTION = parseNsid('zone.stratos.actor.enrollment')

/** Publishes enrollments: the record on a user's PDS by which others find this service. */
export class EnrollmentRecords {
  readonly #pds: PdsAccounts
  readonly #serviceUrl: string
  readonly #serviceKey: Keypair
  readonly #isPresent: (key: string) => Promise<boolean>

  constructor(options: {
    pds: PdsAccounts
    serviceUrl: string
    serviceKey: Keypair
    /** Whether the service still signs with this key; another instance may have brought another. */
    isPresent: (key: string) => Promise<boolean>
  }) {
    this.#pds = options.pds
    this.#serviceUrl = options.serviceUrl
    this.#serviceKey = options.serviceKey
    this.#isPresent = options.isPresent
  }

  /** Writes the record with a new attestation; the enrollment's own date stays. Records under former keys go. */
  async publish(enrollment: Enrollment): Promise<void> {
    if (!(await this.#isPresent(this.#serviceKey.did()))) {
      throw new Error('the service has another key by now; this instance must be restarted')
    }
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
    await account.putRecord(COLLECTION, enrollment.enrollmentRkey, record)
    await this.#dropFormer(account, enrollment)
  }

  /** Earlier versions named the record differently; readers must not find two. */
  async #dropFormer(account: PdsAccount, { enrollmentRkey }: Enrollment): Promise<void> {
    const { records } = await account.listRecords(COLLECTION)
    const former = records.filter(
      ({ rkey, value }) => rkey !== enrollmentRkey && isEnrollmentWith(this.#serviceUrl, value, rkey),
    )
    if (former.length > 0)
      await account.deleteRecords(
        COLLECTION,
        former.map(({ rkey }) => rkey),
      )
  }
}
