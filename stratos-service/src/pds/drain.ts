import type { Job, JobQueue } from 'stratos-core'
import { PdsRefusedError } from './pds-accounts.ts'
import { retryDelayMs } from './retry-delay.ts'

const PAGE = 50

/** Ways to one queue, each for one short piece of work; nothing spans a request to the PDS. */
export interface QueueAccess {
  read<T>(work: (queue: JobQueue) => Promise<T>): Promise<T>
  transact<T>(work: (queue: JobQueue) => Promise<T>): Promise<T>
}

export interface DrainResult {
  /** When to come back; null when nothing is left to do. */
  readonly nextAttemptAtMs: number | null
}

/**
 * Runs a page of jobs of one queue, oldest first, up to one that has to wait. A refusal by the PDS sets the job aside; any
 * other failure stops the queue, so that nothing overtakes.
 *
 * What became of the page is written down in one transaction at its end: a crash before that repeats requests which can be
 * repeated, where a transaction for each job would cost more than the job.
 */
export async function drainPage(
  access: QueueAccess,
  run: (job: Job) => Promise<void>,
  context: {
    nowMs: () => number
    /** No job is begun after this; the rest is for another page. */
    untilMs: number
    onFailure: (job: Job, err: unknown) => void
  },
): Promise<DrainResult> {
  const jobs = await access.read((queue) => queue.list(PAGE))
  const outcomes: ((queue: JobQueue) => Promise<void>)[] = []
  let nextAttemptAtMs = jobs.length === PAGE ? context.nowMs() : null
  for (const job of jobs) {
    if (job.nextAttemptAtMs > context.nowMs()) {
      nextAttemptAtMs = job.nextAttemptAtMs
      break
    }
    if (context.nowMs() > context.untilMs) {
      nextAttemptAtMs = context.nowMs()
      break
    }
    try {
      await run(job)
      outcomes.push((queue) => queue.finish(job))
    } catch (err) {
      context.onFailure(job, err)
      const reason = err instanceof Error ? err.message : String(err)
      if (err instanceof PdsRefusedError) {
        outcomes.push((queue) => queue.giveUp(job, reason))
        continue
      }
      const laterMs = context.nowMs() + retryDelayMs(err, job.attempts + 1)
      outcomes.push((queue) => queue.retry(job, laterMs, reason))
      nextAttemptAtMs = laterMs
      break
    }
  }
  if (outcomes.length > 0) {
    await access.transact(async (queue) => {
      for (const write of outcomes) await write(queue)
    })
  }
  return { nextAttemptAtMs }
}
