import type { Kysely } from 'kysely'
import { parseDid, type Boundary, type Did, type Enrollment, type EnrollmentStore } from 'stratos-core'
import { encodeEnrollmentEvent, type EnrollmentEvent } from './enrollment-event.ts'
import { SqlEventLog } from './event-log.ts'
import { SqlJobQueue } from './job-queue.ts'
import type { ServiceTables } from './schema.ts'
import { inTransaction } from './transaction.ts'

export const ENROLLMENT_FEED = 'enrollment'
export const ENROLLMENT_RECORD_QUEUE = 'enrollment-record'

export class SqlEnrollmentStore implements EnrollmentStore {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async find(did: Did): Promise<Enrollment | null> {
    return findEnrollment(this.#db, did)
  }

  async list(after: string, limit: number): Promise<Enrollment[]> {
    const rows = await this.#db
      .selectFrom('enrollment')
      .select('did')
      .where('did', '>', after)
      .orderBy('did')
      .limit(limit)
      .execute()
    const found = await Promise.all(rows.map((row) => this.find(parseDid(row.did))))
    return found.filter((enrollment) => enrollment !== null)
  }

  async count(): Promise<number> {
    const { total } = await this.#db
      .selectFrom('enrollment')
      .select(({ fn }) => fn.countAll().as('total'))
      .executeTakeFirstOrThrow()
    return Number(total)
  }

  async enroll(enrollment: Omit<Enrollment, 'epoch' | 'active'>): Promise<Enrollment> {
    return inTransaction(this.#db, async (trx) => {
      const existing = await findEnrollment(trx, enrollment.did)
      if (existing !== null) return existing
      await trx
        .insertInto('enrollment')
        .values({
          did: enrollment.did,
          enrolled_at: enrollment.enrolledAt,
          pds_endpoint: enrollment.pdsEndpoint,
          signing_key: enrollment.signingKey,
          rkey: enrollment.enrollmentRkey,
          epoch: 1,
        })
        .execute()
      await insertBoundaries(trx, enrollment.did, enrollment.boundaries)
      await this.#announce(trx, { did: enrollment.did, action: 'enroll', boundaries: enrollment.boundaries })
      return { ...enrollment, epoch: 1, active: true }
    })
  }

  async setBoundaries(did: Did, boundaries: readonly Boundary[]): Promise<Enrollment | null> {
    return inTransaction(this.#db, async (trx) => {
      const existing = await findEnrollment(trx, did)
      if (existing === null) return null
      const epoch = existing.epoch + 1
      await trx.updateTable('enrollment').set({ epoch }).where('did', '=', did).execute()
      await trx.deleteFrom('enrollment_boundary').where('did', '=', did).execute()
      await insertBoundaries(trx, did, boundaries)
      await this.#announce(trx, { did, action: 'enroll', boundaries })
      return { ...existing, boundaries: [...boundaries], epoch }
    })
  }

  /** The event, and the wish that the public record on the PDS says the same. */
  async #announce(trx: Kysely<ServiceTables>, event: EnrollmentEvent): Promise<void> {
    const nowMs = this.#nowMs()
    await new SqlEventLog(trx.$pickTables<'feed' | 'event'>(), ENROLLMENT_FEED).append(
      encodeEnrollmentEvent(event),
      nowMs,
    )
    await new SqlJobQueue(trx.$pickTables<'job'>(), ENROLLMENT_RECORD_QUEUE).put(
      [{ key: event.did, payload: '{}' }],
      nowMs,
    )
  }
}

async function findEnrollment(db: Kysely<ServiceTables>, did: Did): Promise<Enrollment | null> {
  const row = await db.selectFrom('enrollment').selectAll().where('did', '=', did).executeTakeFirst()
  if (row === undefined) return null
  const boundaries = await db
    .selectFrom('enrollment_boundary')
    .select('boundary')
    .where('did', '=', did)
    .orderBy('boundary')
    .execute()
  return {
    did,
    enrolledAt: row.enrolled_at,
    active: true,
    signingKey: row.signing_key,
    boundaries: boundaries.map((entry) => entry.boundary as Boundary),
    epoch: row.epoch,
    pdsEndpoint: row.pds_endpoint,
    enrollmentRkey: row.rkey,
  }
}

async function insertBoundaries(
  trx: Kysely<ServiceTables>,
  did: Did,
  boundaries: readonly Boundary[],
): Promise<void> {
  if (boundaries.length === 0) return
  await trx
    .insertInto('enrollment_boundary')
    .values(boundaries.map((boundary) => ({ did, boundary })))
    .execute()
}
