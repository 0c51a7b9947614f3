import {
  StratosError,
  type Actors,
  type AuditLog,
  type AuditedAction,
  type BacklogStore,
  type Did,
  type EnrollmentStore,
  type Job,
  type JobQueue,
} from 'stratos-core'
import { nullIfAbsent, readIfPresent } from './read-if-present.ts'

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

/** Those who do the jobs, as far as they have to be told of a job that is due again. */
export interface PdsWorkers {
  /** Durable when the promise resolves: the actor's queue is looked at, after a restart too. */
  markStubs(did: Did): Promise<void>
  wakeStubs(did: Did): void
  wakeRecord(did: Did): void
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
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #enrollments: Pick<EnrollmentStore, 'list' | 'count'>
  readonly #records: JobQueue
  readonly #backlog: Pick<BacklogStore, 'list'>
  readonly #audit: Pick<AuditLog, 'append'>
  readonly #workers: PdsWorkers
  readonly #nowMs: () => number

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    enrollments: Pick<EnrollmentStore, 'list' | 'count'>
    /** The queue of enrollment records; the keys of its jobs are DIDs. */
    records: JobQueue
    /** Actors whose queue of stubs holds anything. */
    backlog: Pick<BacklogStore, 'list'>
    audit: Pick<AuditLog, 'append'>
    workers: PdsWorkers
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#enrollments = options.enrollments
    this.#records = options.records
    this.#backlog = options.backlog
    this.#audit = options.audit
    this.#workers = options.workers
    this.#nowMs = options.nowMs
  }

  /**
   * Makes a job due at once, also one that was given up.
   *
   * @throws {StratosError} `NotFound` if there is no such job; it may be done
   */
  async retry({ queue, did, key }: Pick<PdsJob, 'queue' | 'did' | 'key'>, by: AuditedAction): Promise<void> {
    const state = await this.#inQueue(queue, did, key, async (jobs) => {
      if ((await jobs.find(key)) !== null) return 'waiting'
      return (await jobs.findGivenUp(key)) === null ? null : 'given-up'
    })
    if (state === null) throw new StratosError('NotFound', 'there is no such job; it may be done')
    await this.#audit.append({
      ...by,
      subject: did,
      before: { queue, key, state },
      after: { state: 'waiting' },
    })
    if (queue === 'stub') await this.#workers.markStubs(did)
    await this.#inQueue(queue, did, key, (jobs) => jobs.revive(key, this.#nowMs()))
    if (queue === 'stub') this.#workers.wakeStubs(did)
    else this.#workers.wakeRecord(did)
  }

  async count(): Promise<{ enrollments: number; waiting: number; givenUp: number }> {
    let { waiting, givenUp } = await this.#records.count()
    for (const did of await this.#backlog.list()) {
      const stubs = await readIfPresent(this.#actors, did, (stores) => stores.stubs.count())
      waiting += stubs?.waiting ?? 0
      givenUp += stubs?.givenUp ?? 0
    }
    return { enrollments: await this.#enrollments.count(), waiting, givenUp }
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

  async #inQueue<T>(
    queue: PdsJob['queue'],
    did: Did,
    key: string,
    work: (jobs: JobQueue) => Promise<T>,
  ): Promise<T | null> {
    if (queue === 'stub') {
      return nullIfAbsent(this.#actors.transact(did, ({ stubs }) => work(stubs)))
    }
    return key === did ? work(this.#records) : null
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
    const lostRecord = await this.#records.findGivenUp(did)
    return [
      ...(record === null ? [] : [toPdsJob(did, 'enrollment-record', 'waiting', record)]),
      ...(lostRecord === null ? [] : [toPdsJob(did, 'enrollment-record', 'given-up', lostRecord)]),
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
