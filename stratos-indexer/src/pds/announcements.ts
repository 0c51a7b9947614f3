import type { IdResolver } from '@atproto/identity'
import { isValidRecordKey } from '@atproto/syntax'
import { parseEnrollmentRecord, StratosError, verifyAttestation, type EnrollmentRecord } from 'stratos-core'
import type { ServicePlace } from '../identity/service-place.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import { iso } from '../tables/write-rows.ts'

export interface AnnouncementParts {
  readonly database: Database
  readonly resolver: Pick<IdResolver, 'did'>
  /** URLs of the services that are followed. */
  readonly followed: readonly string[]
  /** Those of them that were found. */
  readonly places: () => readonly ServicePlace[]
  readonly metrics: Metrics
  readonly logger: Logger
}

/** Why an enrollment record does not count. */
type Fault = 'malformed' | 'foreign' | 'unverified'

/** A service changes its key rarely; whoever forges attestations must not make us look it up each time. */
const ASK_ANEW_AFTER_MS = 60_000

/**
 * What accounts say in public about their enrollments. It is checked and noted down, and opens nothing: an attestation proves
 * that the service once said so, not that it still does. Who is enrolled and behind which boundaries, the service tells.
 */
export class Announcements {
  readonly #parts: AnnouncementParts
  readonly #askedAnewAtMs = new Map<string, number>()

  constructor(parts: AnnouncementParts) {
    this.#parts = parts
  }

  /** A record of a service that is not followed, or one whose attestation does not hold, counts as if it were not there. */
  async recordFound(did: string, rkey: string, value: unknown): Promise<void> {
    const { database, metrics, logger } = this.#parts
    const found = await this.#check(did, rkey, value)
    const outcome = typeof found === 'string' ? found : 'verified'
    metrics.add('stratos_indexer_enrollment_records_total', { outcome })
    if (typeof found === 'string') {
      logger.warn({ did, rkey, outcome }, 'an enrollment record is ignored')
      return this.recordGone(did, rkey)
    }
    const { service, boundaries } = found
    const row = { service, boundaries: JSON.stringify(boundaries), attestedAt: iso(Date.now()) }
    await database.db
      .insertInto('stratos_announcement')
      .values({ did, rkey, ...row })
      .onConflict((conflict) => conflict.columns(['did', 'rkey']).doUpdateSet(row))
      .execute()
  }

  async recordGone(did: string, rkey: string): Promise<void> {
    // Under what is no key there is nothing; a database may refuse to even look for it.
    if (!isValidRecordKey(rkey)) return
    await this.#parts.database.db
      .deleteFrom('stratos_announcement')
      .where('did', '=', did)
      .where('rkey', '=', rkey)
      .execute()
  }

  /** The handle is looked up again. */
  async identityChanged(did: string): Promise<void> {
    await this.#parts.resolver.did.cache?.clearEntry(did)
    await this.#parts.database.db
      .updateTable('stratos_actor')
      .set({ checkedAt: iso(0) })
      .where('did', '=', did)
      .execute()
  }

  async #check(
    did: string,
    rkey: string,
    value: unknown,
  ): Promise<{ service: string; boundaries: readonly string[] } | Fault> {
    const record = isValidRecordKey(rkey) ? parseEnrollmentRecord(value, rkey) : null
    if (record === null) return 'malformed'
    const origin = URL.parse(record.service)?.origin
    if (!this.#parts.followed.some((url) => url === origin)) return 'foreign'
    const place = this.#parts.places().find(({ url }) => url === origin)
    // Whose word it is cannot be told yet; whoever asks asks again.
    if (place === undefined) throw new Error(`${origin} was not found yet`)
    // A service speaks for its own boundaries alone.
    if (!record.boundaries.every((boundary) => boundary.startsWith(`${place.did}/`))) return 'unverified'
    const holds =
      (await this.#holds(did, record, place.did, false)) || (await this.#holdsNow(did, record, place.did))
    return holds ? { service: place.did, boundaries: record.boundaries } : 'unverified'
  }

  /** With the key of the service as it is now, instead of the one that is remembered. */
  async #holdsNow(did: string, record: EnrollmentRecord, service: string): Promise<boolean> {
    const nowMs = Date.now()
    if (nowMs < (this.#askedAnewAtMs.get(service) ?? 0) + ASK_ANEW_AFTER_MS) return false
    this.#askedAnewAtMs.set(service, nowMs)
    return this.#holds(did, record, service, true)
  }

  async #holds(did: string, record: EnrollmentRecord, service: string, anew: boolean): Promise<boolean> {
    const { boundaries, signingKey, attestation } = record
    const key = await this.#parts.resolver.did.resolveAtprotoKey(service, anew)
    try {
      await verifyAttestation({ did, boundaries, signingKey }, attestation, key)
      return true
    } catch (err) {
      if (err instanceof StratosError) return false
      throw err
    }
  }
}
