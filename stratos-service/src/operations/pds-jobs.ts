import type { Actors, Did, EnrollmentStore, Job, JobQueue } from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

export type JobState = 'waiting' | 'given-up'

/** A piece of work for a user's PDS, as an operator sees it. */
export interface PdsJob {
  readonly queue: 'stub' | 'enrollment-record'
  readonly did: Did
  readonly key: string
  readonly state: JobState
  readonly attempts: number
  /** Null if it was given up. */
  readonly nextAttemptAtMs: number | null
  readonly lastError: string | null
}

export interface JobFilter {
  readonly state?: JobState | undefined
  readonly did?: Did | undefined
}

export interface JobPage {
  readonly jobs: readonly PdsJob[]
  /** Continues the listing; absent at its end. */
  readonly cursor?: Did
}

const ACTORS_PER_READ = 50
/** Jobs lie with their actors; one call looks at this many, and returns a cursor when there are more. */
const ACTORS_PER_CALL = 500

/** What waits for the users' PDSes, and what was given up. */
export class PdsJobs {
  readonly #actors: Pick<Actors, 'read'>
  readonly #enrollments: Pick<EnrollmentStore, 'list'>
  readonly #records: JobQueue

  constructor(options: {
    actors: Pick<Actors, 'read'>
    enrollments: Pick<EnrollmentStore, 'list'>
    /** The queue of enrollment records; the keys of its jobs are DIDs. */
    records: JobQueue
  }) {
    this.#actors = options.actors
    this.#enrollments = options.enrollments
    this.#records = options.records
  }

  /**
   * Lists jobs account by account, ordered by DID. Of one account the oldest `limit` jobs of each kind are shown.
   *
   * @param limit a page may be shorter and still have a cursor
   */
  async list(filter: JobFilter, limit: number, cursor?: Did): Promise<JobPage> {
    const jobs: PdsJob[] = []
    let last = cursor
    let scanned = 0
    for await (const did of filter.did === undefined ? this.#dids(cursor) : [filter.did]) {
      const more = (await this.#jobsOf(did, filter.state, limit)).slice(0, limit)
      const full = jobs.length > 0 && jobs.length + more.length > limit
      if (full || scanned === ACTORS_PER_CALL) return last === undefined ? { jobs } : { jobs, cursor: last }
      jobs.push(...more)
      last = did
      scanned += 1
    }
    return { jobs }
  }

  async *#dids(after: Did | undefined): AsyncGenerator<Did> {
    for (let last: string = after ?? ''; ;) {
      const page = await this.#enrollments.list(last, ACTORS_PER_READ)
      for (const { did } of page) yield did
      const end = page.at(-1)
      if (end === undefined || page.length < ACTORS_PER_READ) return
      last = end.did
    }
  }

  async #jobsOf(did: Did, state: JobState | undefined, limit: number): Promise<PdsJob[]> {
    const stubs = await readIfPresent(this.#actors, did, ({ stubs }) => jobsOf(stubs, limit))
    const record = await this.#records.find(did)
    return [
      ...(record === null ? [] : [toPdsJob(did, 'enrollment-record', 'waiting', record)]),
      ...(stubs?.waiting ?? []).map((job) => toPdsJob(did, 'stub', 'waiting', job)),
      ...(stubs?.givenUp ?? []).map((job) => toPdsJob(did, 'stub', 'given-up', job)),
    ].filter((job) => state === undefined || job.state === state)
  }
}

async function jobsOf(queue: JobQueue, limit: number) {
  return { waiting: await queue.list(limit), givenUp: await queue.listGivenUp(limit) }
}

function toPdsJob(did: Did, queue: PdsJob['queue'], state: JobState, job: Job): PdsJob {
  const { key, attempts, nextAttemptAtMs, lastError } = job
  return {
    queue,
    did,
    key,
    state,
    attempts,
    nextAttemptAtMs: state === 'waiting' ? nextAttemptAtMs : null,
    lastError,
  }
}
