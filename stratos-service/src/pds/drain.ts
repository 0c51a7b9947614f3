import type { Job, JobQueue } from 'stratos-core'
import { backOffMs } from './back-off.ts'
import { PdsRefusedError } from './pds-accounts.ts'

const PAGE = 50

export interface DrainResult {
  /** When to come back; null when nothing is left to do. */
  readonly nextAttemptAtMs: number | null
}

/**
 * Runs the jobs of one queue, oldest first, until it is dry or the oldest one has to wait. A refusal by the PDS sets the
 * job aside; any other failure stops the queue, so that nothing overtakes.
 *
 * @param access gives the queue for one short piece of work at a time; no transaction spans a request to the PDS
 */
export async function drainInOrder(
  access: <T>(work: (queue: JobQueue) => Promise<T>) => Promise<T>,
  run: (job: Job) => Promise<void>,
  context: { nowMs: () => number; onFailure: (job: Job, err: unknown) => void },
): Promise<DrainResult> {
  for (;;) {
    const jobs = await access((queue) => queue.list(PAGE))
    if (jobs.length === 0) return { nextAttemptAtMs: null }
    for (const job of jobs) {
      if (job.nextAttemptAtMs > context.nowMs()) return { nextAttemptAtMs: job.nextAttemptAtMs }
      try {
        await run(job)
      } catch (err) {
        context.onFailure(job, err)
        const reason = err instanceof Error ? err.message : String(err)
        if (err instanceof PdsRefusedError) {
          await access((queue) => queue.giveUp(job, reason))
          continue
        }
        const nextAttemptAtMs = context.nowMs() + backOffMs(job.attempts + 1)
        await access((queue) => queue.retry(job, nextAttemptAtMs, reason))
        return { nextAttemptAtMs }
      }
      await access((queue) => queue.finish(job))
    }
  }
}
