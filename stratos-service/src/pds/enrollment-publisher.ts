import { parseDid, type Did, type EnrollmentStore, type JobQueue } from 'stratos-core'
import type { Logger } from '../logger.ts'
import type { EnrollmentRecords } from './enrollment-record.ts'
import { PdsRefusedError } from './pds-accounts.ts'
import { retryDelayMs } from './retry-delay.ts'
import { WakeUps } from '../limits/wake-ups.ts'

const PAGE = 1_000

/** Keeps every user's public enrollment record in step with their enrollment, through a durable queue. */
export class EnrollmentPublisher {
  readonly #queue: JobQueue
  readonly #enrollments: Pick<EnrollmentStore, 'find'>
  readonly #records: EnrollmentRecords
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #wakeUps: WakeUps<Did>

  constructor(options: {
    queue: JobQueue
    enrollments: Pick<EnrollmentStore, 'find'>
    records: EnrollmentRecords
    logger: Logger
    nowMs: () => number
  }) {
    this.#queue = options.queue
    this.#enrollments = options.enrollments
    this.#records = options.records
    this.#logger = options.logger
    this.#nowMs = options.nowMs
    this.#wakeUps = new WakeUps(
      (did) => this.#publish(did),
      options.nowMs,
      (did, err) => this.#logger.error({ did, err }, 'enrollment queue cannot be drained'),
    )
  }

  /** Takes up what an earlier run left behind. */
  async start(): Promise<void> {
    for (const job of await this.#queue.list(PAGE)) void this.publish(parseDid(job.key))
  }

  async stop(): Promise<void> {
    await this.#wakeUps.stop()
  }

  /** Publishes this user's record if that is due; resolves after the attempt, whatever came of it. */
  async publish(did: Did): Promise<void> {
    await this.#wakeUps.wake(did)
  }

  /** Resolves when nothing is under way for this user. */
  async idle(did: Did): Promise<void> {
    await this.#wakeUps.idle(did)
  }

  async #publish(did: Did): Promise<number | null> {
    const job = await this.#queue.find(did)
    if (job === null) return null
    if (job.nextAttemptAtMs > this.#nowMs()) return job.nextAttemptAtMs
    try {
      const enrollment = await this.#enrollments.find(did)
      if (enrollment !== null) await this.#records.publish(enrollment)
      await this.#queue.finish(job)
      return null
    } catch (err) {
      this.#logger.warn({ did, attempts: job.attempts, err }, 'enrollment record not published')
      const reason = err instanceof Error ? err.message : String(err)
      const nextAttemptAtMs = this.#nowMs() + retryDelayMs(err, job.attempts + 1)
      if (err instanceof PdsRefusedError) await this.#queue.giveUp(job, reason)
      else await this.#queue.retry(job, nextAttemptAtMs, reason)
      return err instanceof PdsRefusedError ? null : nextAttemptAtMs
    }
  }
}
