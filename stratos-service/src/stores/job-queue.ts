import type { Kysely } from 'kysely'
import type { Job, JobQueue, JobWish } from 'stratos-core'
import { pieces } from './pages.ts'
import type { JobTables } from './schema.ts'
import { Statements } from './statements.ts'
import { together } from './transaction.ts'

const MAX_ERROR_LENGTH = 500

/** One queue in the `job` table of a database. */
export class SqlJobQueue implements JobQueue {
  readonly #db: Kysely<JobTables>
  readonly #queue: string
  readonly #statements: Statements

  constructor(db: Kysely<JobTables>, queue: string, statements = new Statements()) {
    this.#db = db
    this.#queue = queue
    this.#statements = statements
  }

  async put(wishes: readonly JobWish[], dueAtMs: number): Promise<void> {
    await together(pieces(wishes).map((piece) => this.#put(piece, dueAtMs)))
  }

  async find(key: string): Promise<Job | null> {
    return this.#find(0, key)
  }

  async findGivenUp(key: string): Promise<Job | null> {
    return this.#find(1, key)
  }

  async list(limit: number): Promise<Job[]> {
    return this.#list(0, limit)
  }

  async listGivenUp(limit: number): Promise<Job[]> {
    return this.#list(1, limit)
  }

  async advance(
    job: Job,
    { payload, nextAttemptAtMs }: { payload: string; nextAttemptAtMs: number },
  ): Promise<Job | null> {
    const version = job.version + 1
    const { numUpdatedRows } = await this.#db
      .updateTable('job')
      .set({ payload, version, next_attempt_at_ms: nextAttemptAtMs })
      .where('queue', '=', this.#queue)
      .where('key', '=', job.key)
      .where('version', '=', job.version)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n ? { ...job, payload, version, nextAttemptAtMs } : null
  }

  async hasten(nowMs: number): Promise<void> {
    await this.#db
      .updateTable('job')
      .set({ next_attempt_at_ms: nowMs, attempts: 0 })
      .where('queue', '=', this.#queue)
      .where('given_up', '=', 0)
      .execute()
  }

  async finish(job: Job): Promise<void> {
    await this.#db
      .deleteFrom('job')
      .where('queue', '=', this.#queue)
      .where('key', '=', job.key)
      .where('version', '=', job.version)
      .execute()
  }

  async retry(job: Job, nextAttemptAtMs: number, error: string): Promise<void> {
    await this.#fail(job, { next_attempt_at_ms: nextAttemptAtMs }, error)
  }

  async giveUp(job: Job, error: string): Promise<void> {
    await this.#fail(job, { given_up: 1 }, error)
  }

  async revive(key: string, nowMs: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('job')
      .set((eb) => ({ version: eb('version', '+', 1), ...renewed(nowMs) }))
      .where('queue', '=', this.#queue)
      .where('key', '=', key)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  }

  async count(): Promise<{ waiting: number; givenUp: number }> {
    const rows = await this.#db
      .selectFrom('job')
      .select(['given_up', ({ fn }) => fn.countAll().as('total')])
      .where('queue', '=', this.#queue)
      .groupBy('given_up')
      .execute()
    const totalOf = (givenUp: number) => Number(rows.find((row) => row.given_up === givenUp)?.total ?? 0)
    return { waiting: totalOf(0), givenUp: totalOf(1) }
  }

  async #put(wishes: readonly JobWish[], dueAtMs: number): Promise<void> {
    const wanted = {
      queue: this.#queue,
      dueAtMs,
      wishes: wishes.map(({ key, payload }) => ({ key, payload })),
    }
    await this.#statements.run(this.#db, 'put jobs', wanted, (given) => this.#insert(given))
  }

  #insert({ queue, dueAtMs, wishes }: { queue: string; dueAtMs: number; wishes: readonly JobWish[] }) {
    return this.#db
      .insertInto('job')
      .values((eb) => {
        // Their place in the order: after everything that is in the queue now.
        const last = eb
          .selectFrom('job')
          .select('position')
          .where('queue', '=', queue)
          .orderBy('position', 'desc')
          .limit(1)
        return wishes.map(({ key, payload }, index) => ({
          queue,
          key,
          position: eb(eb.fn.coalesce(last, eb.val(0)), '+', index + 1),
          payload,
          version: 1,
          ...renewed(dueAtMs),
        }))
      })
      .onConflict((conflict) =>
        conflict.columns(['queue', 'key']).doUpdateSet((eb) => ({
          payload: eb.ref('excluded.payload'),
          version: eb('job.version', '+', 1),
          ...renewed(dueAtMs),
          next_attempt_at_ms: eb
            .case()
            .when(
              eb.and([
                eb('job.given_up', '=', 0),
                eb('job.attempts', '=', 0),
                eb('job.next_attempt_at_ms', '<', eb.ref('excluded.next_attempt_at_ms')),
              ]),
            )
            .then(eb.ref('job.next_attempt_at_ms'))
            .else(eb.ref('excluded.next_attempt_at_ms'))
            .end(),
        })),
      )
  }

  async #fail(
    job: Job,
    change: { next_attempt_at_ms: number } | { given_up: number },
    error: string,
  ): Promise<void> {
    await this.#db
      .updateTable('job')
      .set({
        ...change,
        attempts: job.attempts + 1,
        last_error: error.replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH),
      })
      .where('queue', '=', this.#queue)
      .where('key', '=', job.key)
      .where('version', '=', job.version)
      .execute()
  }

  async #find(givenUp: 0 | 1, key: string): Promise<Job | null> {
    const row = await this.#select(givenUp).where('key', '=', key).executeTakeFirst()
    return row === undefined ? null : toJob(row)
  }

  async #list(givenUp: 0 | 1, limit: number): Promise<Job[]> {
    return (await this.#select(givenUp).orderBy('position').orderBy('key').limit(limit).execute()).map(toJob)
  }

  #select(givenUp: 0 | 1) {
    return this.#db
      .selectFrom('job')
      .select(['key', 'payload', 'version', 'attempts', 'next_attempt_at_ms', 'last_error'])
      .where('queue', '=', this.#queue)
      .where('given_up', '=', givenUp)
  }
}

/** What a job is like whenever somebody wishes for it. */
function renewed(nowMs: number) {
  return { attempts: 0, next_attempt_at_ms: nowMs, last_error: null, given_up: 0 }
}

function toJob(
  row: Pick<
    JobTables['job'],
    'key' | 'payload' | 'version' | 'attempts' | 'next_attempt_at_ms' | 'last_error'
  >,
): Job {
  const { key, payload, version, attempts } = row
  return {
    key,
    payload,
    version,
    attempts,
    nextAttemptAtMs: row.next_attempt_at_ms,
    lastError: row.last_error,
  }
}
