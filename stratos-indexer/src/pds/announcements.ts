import type { IdResolver } from '@atproto/identity'
import { parseEnrollmentRecord, StratosError, verifyAttestation } from 'stratos-core'
import type { ServicePlace } from '../identity/service-place.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import { iso } from '../tables/write-rows.ts'

export interface AnnouncementParts {
  readonly database: Database
  readonly resolver: IdResolver
  /** The services that are followed, as far as they were found. */
  readonly places: () => readonly ServicePlace[]
  readonly metrics: Metrics
  readonly logger: Logger
}

/**
 * What accounts say in public about their enrollments. It is checked and noted down, and opens nothing: an attestation proves
 * that the service once said so, not that it still does. Who is enrolled and behind which boundaries, the service tells.
 */
export class Announcements {
  readonly #parts: AnnouncementParts

  constructor(parts: AnnouncementParts) {
    this.#parts = parts
  }

  /** An enrollment record of a service that is not followed, or one whose attestation does not hold, is ignored. */
  async enrollmentFound(did: string, rkey: string, value: unknown): Promise<void> {
    const { database, metrics, logger } = this.#parts
    const outcome = await this.#check(did, rkey, value)
    metrics.add('stratos_indexer_enrollment_records_total', {
      outcome: typeof outcome === 'string' ? outcome : 'verified',
    })
    if (typeof outcome === 'string')
      return logger.warn({ did, rkey, outcome }, 'an enrollment record is ignored')
    await database.db
      .updateTable('stratos_enrollment')
      .set({ attestedAt: iso(Date.now()) })
      .where('did', '=', did)
      .where('service', '=', outcome.did)
      .execute()
  }

  /** The handle is looked up again. */
  async identityChanged(did: string): Promise<void> {
    await this.#parts.database.db
      .updateTable('stratos_actor')
      .set({ checkedAt: iso(0) })
      .where('did', '=', did)
      .execute()
    await this.#parts.resolver.did.cache?.clearEntry(did)
  }

  async #check(
    did: string,
    rkey: string,
    value: unknown,
  ): Promise<ServicePlace | 'malformed' | 'foreign' | 'unverified'> {
    const record = parseEnrollmentRecord(value, rkey)
    if (record === null) return 'malformed'
    const place = this.#parts.places().find(({ url }) => URL.parse(record.service)?.origin === url)
    if (place === undefined) return 'foreign'
    try {
      const key = await this.#parts.resolver.did.resolveAtprotoKey(place.did)
      const { boundaries, signingKey, attestation } = record
      await verifyAttestation({ did, boundaries, signingKey }, attestation, key)
      return place
    } catch (err) {
      if (err instanceof StratosError) return 'unverified'
      throw err
    }
  }
}
