import type { Kysely, Selectable } from 'kysely'
import {
  ANY_TAG,
  parseDid,
  parseRkey,
  type AuditedAction,
  type Boundary,
  type Did,
  type Enrollment,
  type EnrollmentStore,
  type Job,
  type Tombstone,
} from 'stratos-core'
import { SqlAuditLog } from './audit-log.ts'
import type { DialectTraits } from './dialect.ts'
import { encodeEnrollmentEvent, type EnrollmentEvent } from './enrollment-event.ts'
import { SqlEventLog } from './event-log.ts'
import { ENROLLMENT_FEED, SERVICE_FEED } from './feed-names.ts'
import { SqlJobQueue } from './job-queue.ts'
import type { ServiceTables } from './schema.ts'
import { inTransaction, together } from './transaction.ts'

/** Whatever somebody selects from the feed of the service, enrollments are part of it. */
const INDEX = { tags: [ANY_TAG], contentBytes: 0 }

export const ENROLLMENT_RECORD_QUEUE = 'enrollment-record'
export const LIFE_CYCLE_QUEUE = 'life-cycle'

export class SqlEnrollmentStore implements EnrollmentStore {
  readonly #db: Kysely<ServiceTables>
  readonly #traits: DialectTraits
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, traits: DialectTraits, nowMs: () => number) {
    this.#db = db
    this.#traits = traits
    this.#nowMs = nowMs
  }

  async find(did: Did): Promise<Enrollment | null> {
    return this.#find(this.#db, did)
  }

  async list(after: string, limit: number, boundary?: string): Promise<Enrollment[]> {
    let query = selectEnrollments(this.#db, this.#traits)
      .where('enrollment.did', '>', after)
      .orderBy('enrollment.did')
      .limit(limit)
    if (boundary !== undefined) {
      query = query.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('enrollment_boundary')
            .select('enrollment_boundary.did')
            .whereRef('enrollment_boundary.did', '=', 'enrollment.did')
            .where('enrollment_boundary.boundary', '=', boundary),
        ),
      )
    }
    return (await query.execute()).map(toEnrollment)
  }

  async count(): Promise<number> {
    const { total } = await this.#db
      .selectFrom('enrollment')
      .select(({ fn }) => fn.countAll().as('total'))
      .executeTakeFirstOrThrow()
    return Number(total)
  }

  async enroll(enrollment: Omit<Enrollment, 'epoch' | 'active'>): Promise<Enrollment> {
    const { did, boundaries } = enrollment
    return inTransaction(this.#db, async (trx) => {
      const { numInsertedOrUpdatedRows } = await trx
        .insertInto('enrollment')
        .values({
          did,
          enrolled_at: enrollment.enrolledAt,
          pds_endpoint: enrollment.pdsEndpoint,
          signing_key: enrollment.signingKey,
          rkey: enrollment.enrollmentRkey,
          epoch: ((await this.#findTombstone(trx, did))?.epoch ?? 0) + 1,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow()
      if (numInsertedOrUpdatedRows === 1n) {
        await together([
          insertBoundaries(trx, did, boundaries),
          trx.deleteFrom('approval').where('did', '=', did).execute(),
          this.#announce(trx, { did, action: 'enroll', boundaries }),
          trx.deleteFrom('tombstone').where('did', '=', did).execute(),
          dropJob(trx, LIFE_CYCLE_QUEUE, did),
        ])
      }
      return this.#get(trx, did)
    })
  }

  async changeBoundaries(
    did: Did,
    change: (held: readonly Boundary[]) => readonly Boundary[],
    by: AuditedAction,
  ): Promise<Enrollment | null> {
    return inTransaction(this.#db, async (trx) => {
      // Holds the row: whoever changes the same enrollment waits, and goes on from here.
      const held = trx
        .updateTable('enrollment')
        .set((eb) => ({ epoch: eb.ref('epoch') }))
        .where('did', '=', did)
      const [, before] = await together([held.execute(), this.#find(trx, did)])
      if (before === null) return null
      const boundaries = change(before.boundaries).toSorted()
      await together([
        new SqlAuditLog(trx, this.#nowMs).append({
          ...by,
          subject: did,
          before: { boundaries: before.boundaries },
          after: { boundaries },
        }),
        ...(String(boundaries) === String(before.boundaries) ? [] : [this.#replace(trx, before, boundaries)]),
      ])
      return this.#get(trx, did)
    })
  }

  async #replace(
    trx: Kysely<ServiceTables>,
    { did, epoch }: Enrollment,
    boundaries: readonly Boundary[],
  ): Promise<void> {
    await together([
      trx
        .updateTable('enrollment')
        .set({ epoch: epoch + 1 })
        .where('did', '=', did)
        .execute(),
      trx.deleteFrom('enrollment_boundary').where('did', '=', did).execute(),
      insertBoundaries(trx, did, boundaries),
      this.#announce(trx, { did, action: 'enroll', boundaries }),
    ])
  }

  async republish(did: Did): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      if ((await this.#find(trx, did)) !== null) await this.#publishLater(trx, did)
    })
  }

  async unenroll(
    did: Did,
    payloadOf: (enrollment: Enrollment) => string,
    by: AuditedAction | null,
  ): Promise<Enrollment | null> {
    return inTransaction(this.#db, async (trx) => {
      // Holds the row, so that what is read of it stays true.
      await trx
        .updateTable('enrollment')
        .set((eb) => ({ epoch: eb('epoch', '+', 1) }))
        .where('did', '=', did)
        .execute()
      const enrollment = await this.#find(trx, did)
      if (enrollment === null) return null
      const job = { key: did, payload: payloadOf(enrollment) }
      await together([
        trx.deleteFrom('enrollment_boundary').where('did', '=', did).execute(),
        trx.deleteFrom('enrollment').where('did', '=', did).execute(),
        trx.deleteFrom('session_key').where('did', '=', did).execute(),
        dropJob(trx, ENROLLMENT_RECORD_QUEUE, did),
        this.#append(trx, { did, action: 'unenroll', boundaries: [] }),
        queueOf(trx, LIFE_CYCLE_QUEUE).put([job], this.#nowMs()),
        ...(by === null ? [] : [this.#note(trx, enrollment, by)]),
      ])
      return enrollment
    })
  }

  async findTombstone(did: Did): Promise<Tombstone | null> {
    return this.#findTombstone(this.#db, did)
  }

  async bury({ did, unenrolledAt, lastSeq, epoch }: Tombstone, job: Job): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      const current = await queueOf(trx, LIFE_CYCLE_QUEUE).find(did)
      if (current?.version !== job.version) return
      const row = { unenrolled_at: unenrolledAt, last_seq: lastSeq, epoch }
      await together([
        trx
          .insertInto('tombstone')
          .values({ did, ...row })
          .onConflict((conflict) => conflict.column('did').doUpdateSet(row))
          .execute(),
        // Requests that were under way may have left these behind.
        trx.deleteFrom('stub_backlog').where('did', '=', did).execute(),
        trx.deleteFrom('blob_backlog').where('did', '=', did).execute(),
        trx.deleteFrom('stub_lease').where('did', '=', did).execute(),
        trx.deleteFrom('write_rate').where('did', '=', did).execute(),
        dropJob(trx, LIFE_CYCLE_QUEUE, did),
      ])
    })
  }

  async #note(trx: Kysely<ServiceTables>, { did, boundaries }: Enrollment, by: AuditedAction): Promise<void> {
    await new SqlAuditLog(trx, this.#nowMs).append({ ...by, subject: did, before: { boundaries } })
  }

  async #findTombstone(db: Kysely<ServiceTables>, did: Did): Promise<Tombstone | null> {
    const row = await db
      .selectFrom('tombstone')
      .select(['unenrolled_at', 'last_seq', 'epoch'])
      .where('did', '=', did)
      .executeTakeFirst()
    if (row === undefined) return null
    return { did, unenrolledAt: row.unenrolled_at, lastSeq: row.last_seq, epoch: row.epoch }
  }

  async #get(db: Kysely<ServiceTables>, did: Did): Promise<Enrollment> {
    const found = await this.#find(db, did)
    if (found === null) throw new Error('an enrollment vanished while it was being changed')
    return found
  }

  async #find(db: Kysely<ServiceTables>, did: Did): Promise<Enrollment | null> {
    const row = await selectEnrollments(db, this.#traits).where('enrollment.did', '=', did).executeTakeFirst()
    return row === undefined ? null : toEnrollment(row)
  }

  /** The event, and the wish that the public record on the PDS says the same. */
  async #announce(trx: Kysely<ServiceTables>, event: EnrollmentEvent): Promise<void> {
    await together([this.#append(trx, event), this.#publishLater(trx, event.did)])
  }

  /** To both feeds always in this order: two changes at the same time must not wait for each other. */
  async #append(trx: Kysely<ServiceTables>, event: EnrollmentEvent): Promise<void> {
    const body = encodeEnrollmentEvent(event)
    const nowMs = this.#nowMs()
    await together(
      [ENROLLMENT_FEED, SERVICE_FEED].map((name) =>
        new SqlEventLog(trx.$pickTables<'feed' | 'event'>(), name, this.#traits).append(body, nowMs, INDEX),
      ),
    )
  }

  async #publishLater(trx: Kysely<ServiceTables>, did: Did): Promise<void> {
    await queueOf(trx, ENROLLMENT_RECORD_QUEUE).put([{ key: did, payload: '{}' }], this.#nowMs())
  }
}

function queueOf(trx: Kysely<ServiceTables>, queue: string): SqlJobQueue {
  return new SqlJobQueue(trx.$pickTables<'job'>(), queue)
}

async function dropJob(trx: Kysely<ServiceTables>, queue: string, did: Did): Promise<void> {
  await trx.deleteFrom('job').where('queue', '=', queue).where('key', '=', did).execute()
}

/** Enrollments with their boundaries as one text, so that both are of one moment. */
function selectEnrollments(db: Kysely<ServiceTables>, { joinText }: DialectTraits) {
  return db
    .selectFrom('enrollment')
    .select([
      'enrollment.did',
      'enrollment.enrolled_at',
      'enrollment.pds_endpoint',
      'enrollment.signing_key',
      'enrollment.rkey',
      'enrollment.epoch',
    ])
    .select((eb) =>
      eb
        .selectFrom('enrollment_boundary')
        .whereRef('enrollment_boundary.did', '=', 'enrollment.did')
        .select(({ fn, val }) =>
          fn.agg<string | null>(joinText, ['enrollment_boundary.boundary', val(' ')]).as('list'),
        )
        .as('boundaries'),
    )
}

function toEnrollment(
  row: Selectable<ServiceTables['enrollment']> & { boundaries: string | null },
): Enrollment {
  return {
    did: parseDid(row.did),
    enrolledAt: row.enrolled_at,
    active: true,
    signingKey: row.signing_key,
    // A boundary cannot contain a space: DIDs and boundary names do not.
    boundaries: row.boundaries === null ? [] : (row.boundaries.split(' ').toSorted() as Boundary[]),
    epoch: row.epoch,
    pdsEndpoint: row.pds_endpoint,
    enrollmentRkey: parseRkey(row.rkey),
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
