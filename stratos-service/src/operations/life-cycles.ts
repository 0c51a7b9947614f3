import { channel } from 'node:diagnostics_channel'
import {
  StratosError,
  parseDid,
  type Actors,
  type AuditedAction,
  type Did,
  type Enrollment,
  type EnrollmentStore,
  type Job,
  type JobQueue,
  type Rkey,
  type WriteRateLimiter,
} from 'stratos-core'
import { backOffMs } from '../limits/back-off.ts'
import { WakeUps } from '../limits/wake-ups.ts'
import type { Logger } from '../logger.ts'
import { initRepo } from './init-repo.ts'
import { formatPlan, parsePlan, type EnrollPlan, type UnenrollPlan } from './life-cycle-plan.ts'

/** What each step of a life cycle is told on when it is durable, as `{ did, step }`. */
export const LIFE_CYCLE_CHANNEL = 'stratos.life-cycle'

const PAGE = 1_000
/** How long what another instance left behind may lie. */
const POLL_MS = 5_000
/** For this long nobody else tries the PDS of the same account. */
const LEASE_MS = 60_000
/** After this the public traces of an account are left to its owner. */
const GIVE_UP_AFTER_MS = 7 * 24 * 60 * 60_000

/** What a service keeps of its users elsewhere. */
export interface LifeCycleParts {
  readonly actors: Actors
  readonly store: EnrollmentStore
  /** Keys are DIDs; at most one life cycle of an account is under way. */
  readonly jobs: JobQueue
  readonly rate: Pick<WriteRateLimiter, 'forget'>
  /** On all instances: what is done under it takes turns for each account. */
  readonly lock: { run<T>(key: string, work: () => Promise<T>): Promise<T> }
  /** Destroys all blobs of an actor, wherever they are. Can be repeated. */
  readonly destroyBlobs: (did: Did) => Promise<void>
  /** Leaves nothing of deleted rows in logs, as far as those are ours to empty. */
  readonly scrub: () => Promise<void>
  /** Resolves when nothing is on its way to the PDS of this user from this instance. */
  readonly pdsIdle: (did: Did) => Promise<void>
  readonly publicTraces: {
    remove(did: Did, enrollmentRkey: Rkey, mayGoOn: () => Promise<boolean>): Promise<'removed' | 'impossible'>
  }
  readonly pdsSessions: {
    exists(did: Did): Promise<boolean>
    /** Ends the session at its server as far as that can be reached, and forgets it in any case. */
    revoke(did: Did): Promise<void>
  }
}

/**
 * Enrollment and departure, step by step. What is to be done is written down before it is begun, and each step can be
 * repeated, so that whatever a crash interrupts is finished by the next start or by another instance.
 */
export class LifeCycles {
  readonly #parts: LifeCycleParts
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #settleMs: number
  readonly #wakeUps: WakeUps<Did>
  #poll: NodeJS.Timeout | undefined
  #stopping = false

  /** @param options.settleMs how long a request to a PDS may be under way from an instance that does not know yet */
  constructor(parts: LifeCycleParts, options: { logger: Logger; nowMs: () => number; settleMs: number }) {
    this.#parts = parts
    this.#logger = options.logger
    this.#nowMs = options.nowMs
    this.#settleMs = options.settleMs
    this.#wakeUps = new WakeUps(
      (did) => this.#run(did),
      options.nowMs,
      (did, err) => this.#logger.error({ did, err }, 'a life cycle cannot go on'),
    )
  }

  /** Finishes what concerns private data; the rest is taken up by `start`. To be called before requests are taken. */
  async resume(): Promise<void> {
    for (const { key } of await this.#parts.jobs.list(PAGE)) {
      const did = parseDid(key)
      try {
        await this.#runLocally(did)
      } catch (err) {
        this.#logger.error({ did, err }, 'a life cycle cannot go on')
      }
    }
  }

  start(): void {
    void this.#wakeAll()
    this.#poll = setInterval(() => void this.#wakeAll(), POLL_MS)
    this.#poll.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#poll)
    this.#stopping = true
    await this.#wakeUps.stop()
  }

  /**
   * Makes a repo, a key and an enrollment, or returns the one that is there.
   *
   * @throws {StratosError} `ServiceUnavailable` while a former enrollment is still being removed
   */
  async enroll(did: Did, plan: EnrollPlan): Promise<{ enrollment: Enrollment; isNew: boolean }> {
    return this.#alone(did, async () => {
      const before = await this.#parts.store.find(did)
      if (before !== null) return { enrollment: before, isNew: false }
      if (await this.isLeaving(did)) {
        // It may have waited for the session that the account has just brought.
        await this.#hasten(did)
        throw new StratosError('ServiceUnavailable', 'your former enrollment is still being removed')
      }
      await this.#parts.jobs.put([{ key: did, payload: formatPlan(plan) }], this.#nowMs())
      this.#passed(did, 'enroll.begun')
      try {
        return { enrollment: await this.#finishEnrolling(did, plan), isNew: true }
      } catch (err) {
        await this.#abandon(did)
        throw err
      }
    })
  }

  /** Whether a former enrollment of this account is still being removed. */
  async isLeaving(did: Did): Promise<boolean> {
    const job = await this.#parts.jobs.find(did)
    return job !== null && parsePlan(job.payload).kind === 'unenroll'
  }

  /**
   * Ends an enrollment. From now on the account is not enrolled; when the promise resolves its private data is gone, unless
   * something fails, and then it is tried again. The public side follows.
   *
   * @returns null if the account is not enrolled
   */
  async unenroll(
    did: Did,
    by: 'self' | AuditedAction,
    ended: () => Promise<void>,
  ): Promise<Enrollment | null> {
    const startedAtMs = this.#nowMs()
    const payloadOf = ({ enrollmentRkey, epoch }: Enrollment) =>
      formatPlan({
        kind: 'unenroll',
        step: 'destroy',
        by: by === 'self' ? by : by.actor,
        startedAtMs,
        enrollmentRkey,
        epoch,
        lastSeq: null,
      })
    const noted = by === 'self' ? null : by
    const enrollment = await this.#parts.store.unenroll(did, payloadOf, noted)
    if (enrollment === null) return null
    this.#passed(did, 'unenroll.begun')
    this.#logger.info({ did, by }, 'unenrolled')
    await ended()
    try {
      await this.#runLocally(did)
    } catch (err) {
      this.#logger.error({ did, err }, 'private data could not be destroyed yet')
      await this.#later(did, err)
    }
    void this.#wakeUps.wake(did)
    return enrollment
  }

  async #hasten(did: Did): Promise<void> {
    const job = await this.#parts.jobs.find(did)
    if (job === null) return
    await this.#parts.jobs.advance(job, { payload: job.payload, nextAttemptAtMs: this.#nowMs() })
    void this.#wakeUps.wake(did)
  }

  async #wakeAll(): Promise<void> {
    try {
      for (const { key } of await this.#parts.jobs.list(PAGE)) void this.#wakeUps.wake(parseDid(key))
    } catch (err) {
      this.#logger.warn({ err }, 'life cycles cannot be listed')
    }
  }

  /** @returns when to go on */
  async #run(did: Did): Promise<number | null> {
    const due = await this.#parts.jobs.find(did)
    if (due === null) return null
    if (due.nextAttemptAtMs > this.#nowMs()) return due.nextAttemptAtMs
    try {
      const job = await this.#runLocally(did)
      return job === null ? null : await this.#runPublicly(did, job)
    } catch (err) {
      this.#logger.warn({ did, attempts: due.attempts, err }, 'a life cycle waits')
      return this.#later(did, err)
    }
  }

  async #later(did: Did, err: unknown): Promise<number | null> {
    const job = await this.#parts.jobs.find(did)
    if (job === null) return null
    const nextAttemptAtMs = this.#nowMs() + backOffMs(job.attempts + 1)
    await this.#parts.jobs.retry(job, nextAttemptAtMs, err instanceof Error ? err.message : String(err))
    return nextAttemptAtMs
  }

  /** Everything that needs nobody's PDS. @returns the job, if there is more to do */
  async #runLocally(did: Did): Promise<Job | null> {
    return this.#alone(did, async () => {
      const job = await this.#parts.jobs.find(did)
      if (job === null) return null
      const plan = parsePlan(job.payload)
      if (plan.kind === 'unenroll') return plan.step === 'destroy' ? this.#destroy(did, job, plan) : job
      // Without the session that it began with, an enrollment would be of no use to its owner.
      if (await this.#parts.pdsSessions.exists(did)) await this.#finishEnrolling(did, plan)
      else await this.#abandon(did)
      return null
    })
  }

  async #finishEnrolling(did: Did, plan: EnrollPlan): Promise<Enrollment> {
    const { actors, store } = this.#parts
    const tombstone = await store.findTombstone(did)
    const keypair = await initRepo(actors, did, { nowMs: this.#nowMs(), afterSeq: tombstone?.lastSeq ?? 0 })
    this.#passed(did, 'enroll.repo-made')
    const { enrolledAt, boundaries, pdsEndpoint, enrollmentRkey } = plan
    const enrollment = await store.enroll({
      did,
      enrolledAt,
      signingKey: keypair.did(),
      boundaries: [...boundaries],
      pdsEndpoint,
      enrollmentRkey,
    })
    this.#passed(did, 'enroll.enrolled')
    return enrollment
  }

  /** Undoes an enrollment that was begun and not finished. */
  async #abandon(did: Did): Promise<void> {
    const { actors, store, jobs } = this.#parts
    const job = await jobs.find(did)
    if (job === null || (await store.find(did)) !== null) return
    await actors.destroy(did)
    await jobs.finish(job)
  }

  async #destroy(did: Did, job: Job, plan: UnenrollPlan): Promise<Job | null> {
    const { actors, rate, destroyBlobs } = this.#parts
    const lastSeq = plan.lastSeq ?? (await this.#seal(did))
    const sealed = await this.#advance(job, { ...plan, lastSeq })
    if (sealed === null) return null
    this.#passed(did, 'unenroll.sealed')
    await destroyBlobs(did)
    this.#passed(did, 'unenroll.blobs-destroyed')
    await actors.destroy(did)
    await rate.forget(did)
    this.#passed(did, 'unenroll.actor-destroyed')
    const destroyed = await this.#advance(sealed, { ...plan, lastSeq, step: 'retract' })
    this.#passed(did, 'unenroll.destroyed')
    return destroyed
  }

  /** Ends the repo, so that no write that is still under way can follow. @returns the last number of its events */
  async #seal(did: Did): Promise<number> {
    if (!(await this.#parts.actors.exists(did))) return 0
    return this.#parts.actors.transact(did, async ({ repo, events }) => {
      await repo.dropHead()
      return events.latestSeq()
    })
  }

  /** @returns when to go on */
  async #runPublicly(did: Did, job: Job): Promise<number | null> {
    const plan = parsePlan(job.payload)
    if (plan.kind !== 'unenroll') return null
    if (plan.step === 'bury') return this.#bury(did, job, plan)
    const { jobs, pdsIdle, publicTraces } = this.#parts
    const mine = await jobs.advance(job, {
      payload: job.payload,
      nextAttemptAtMs: this.#nowMs() + LEASE_MS,
    })
    if (mine === null) return null
    await pdsIdle(did)
    const stillMine = async () => !this.#stopping && (await jobs.find(did))?.version === mine.version
    const outcome = await this.#retract(did, mine, plan, () =>
      publicTraces.remove(did, plan.enrollmentRkey, stillMine),
    )
    if (outcome === 'waiting') return (await jobs.find(did))?.nextAttemptAtMs ?? null
    // What was given up half-way is taken up by whoever comes next.
    if (!(await stillMine())) return null
    if (outcome === 'impossible') {
      this.#logger.warn(
        { did },
        'stubs and enrollment record stay on the PDS: the service may not remove them',
      )
    }
    const again = plan.step === 'retract' && outcome === 'removed'
    const next = await this.#advance(
      mine,
      { ...plan, step: again ? 'retract-again' : 'bury' },
      this.#nowMs() + (again ? this.#settleMs : 0),
    )
    this.#passed(did, again ? 'unenroll.retracted' : 'unenroll.retracted-again')
    return next?.nextAttemptAtMs ?? null
  }

  async #retract(
    did: Did,
    job: Job,
    plan: UnenrollPlan,
    remove: () => Promise<'removed' | 'impossible'>,
  ): Promise<'removed' | 'impossible' | 'waiting'> {
    try {
      return await remove()
    } catch (err) {
      if (this.#nowMs() - plan.startedAtMs > GIVE_UP_AFTER_MS) return 'impossible'
      this.#logger.warn({ did, attempts: job.attempts, err }, 'public traces not removed')
      await this.#later(did, err)
      return 'waiting'
    }
  }

  async #bury(did: Did, job: Job, plan: UnenrollPlan): Promise<null> {
    await this.#parts.pdsSessions.revoke(did)
    this.#passed(did, 'unenroll.session-revoked')
    await this.#parts.rate.forget(did)
    const unenrolledAt = new Date(plan.startedAtMs).toISOString()
    await this.#parts.store.bury({ did, unenrolledAt, lastSeq: plan.lastSeq ?? 0, epoch: plan.epoch }, job)
    await this.#parts.scrub()
    this.#passed(did, 'unenroll.buried')
    return null
  }

  async #advance(job: Job, plan: UnenrollPlan, nextAttemptAtMs = this.#nowMs()): Promise<Job | null> {
    return this.#parts.jobs.advance(job, { payload: formatPlan(plan), nextAttemptAtMs })
  }

  async #alone<T>(did: Did, work: () => Promise<T>): Promise<T> {
    return this.#parts.lock.run(`life-cycle:${did}`, work)
  }

  #passed(did: Did, step: string): void {
    channel(LIFE_CYCLE_CHANNEL).publish({ did, step })
  }
}
