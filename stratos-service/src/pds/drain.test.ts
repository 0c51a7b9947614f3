import { StratosError, type Job, type JobQueue } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { drainPage, type QueueAccess } from './drain.ts'
import { PdsRefusedError } from './pds-accounts.ts'

const NOW = 1_000_000

/** A queue that notes what became of its jobs, and how many transactions that took. */
class NotingQueue implements Pick<JobQueue, 'list' | 'finish' | 'retry' | 'giveUp'> {
  readonly notes: string[] = []
  transactions = 0
  readonly #jobs: readonly Job[]

  constructor(jobs: readonly Job[]) {
    this.#jobs = jobs
  }

  get access(): QueueAccess {
    const queue = this as unknown as JobQueue
    return {
      read: (work) => work(queue),
      transact: (work) => {
        this.transactions += 1
        return work(queue)
      },
    }
  }

  async list(limit: number): Promise<Job[]> {
    return this.#jobs.slice(0, limit)
  }

  async finish(job: Job): Promise<void> {
    this.notes.push(`${job.key} done`)
  }

  async retry(job: Job, nextAttemptAtMs: number): Promise<void> {
    this.notes.push(`${job.key} again ${nextAttemptAtMs > NOW ? 'later' : 'now'}`)
  }

  async giveUp(job: Job, error: string): Promise<void> {
    this.notes.push(`${job.key} given up: ${error}`)
  }
}

const job = (key: string, nextAttemptAtMs = NOW): Job => ({
  key,
  payload: '{}',
  version: 1,
  attempts: 0,
  nextAttemptAtMs,
  lastError: null,
})

async function drain(jobs: readonly Job[], run: (job: Job) => Promise<void>, spentMs = 0) {
  const queue = new NotingQueue(jobs)
  const ran: string[] = []
  const noting = async (next: Job) => {
    ran.push(next.key)
    await run(next)
  }
  const context = { nowMs: () => NOW + ran.length * spentMs, untilMs: NOW + 100, onFailure: () => undefined }
  const { nextAttemptAtMs } = await drainPage(queue.access, noting, context)
  return { ran, notes: queue.notes, transactions: queue.transactions, nextAttemptAtMs }
}

describe('draining a queue', () => {
  it('runs jobs in order and writes down a page in one transaction', async () => {
    expect(await drain([job('a'), job('b')], async () => undefined)).toEqual({
      ran: ['a', 'b'],
      notes: ['a done', 'b done'],
      transactions: 1,
      nextAttemptAtMs: null,
    })
  })

  it('sets aside what the PDS refuses and goes on', async () => {
    const refuse = async ({ key }: Job) => {
      if (key === 'a') throw new PdsRefusedError('no')
    }
    expect((await drain([job('a'), job('b')], refuse)).notes).toEqual(['a given up: no', 'b done'])
  })

  it('stops at the first that fails otherwise, so that nothing overtakes it', async () => {
    const fail = async ({ key }: Job) => {
      if (key === 'b') throw new StratosError('PdsUnreachable', 'away')
    }
    const { ran, notes, nextAttemptAtMs } = await drain([job('a'), job('b'), job('c')], fail)
    expect([ran, notes]).toEqual([
      ['a', 'b'],
      ['a done', 'b again later'],
    ])
    expect(nextAttemptAtMs).toBeGreaterThan(NOW)
  })

  it('waits for a job that is not due', async () => {
    const { ran, nextAttemptAtMs } = await drain([job('a', NOW + 500), job('b')], async () => undefined)
    expect([ran, nextAttemptAtMs]).toEqual([[], NOW + 500])
  })

  it('leaves the rest for later when it has taken long', async () => {
    const jobs = ['a', 'b', 'c', 'd'].map((key) => job(key))
    const { ran, notes, nextAttemptAtMs } = await drain(jobs, async () => undefined, 60)
    expect([ran, notes]).toEqual([
      ['a', 'b'],
      ['a done', 'b done'],
    ])
    expect(nextAttemptAtMs).toBe(NOW + 120)
  })

  it('comes back at once when there is more than a page', async () => {
    const many = Array.from({ length: 60 }, (_, index) => job(`job ${index}`))
    const { ran, nextAttemptAtMs } = await drain(many, async () => undefined)
    expect([ran.length, nextAttemptAtMs]).toEqual([50, NOW])
  })
})
