import { describe, expect, it } from 'vitest'
import type { JobQueue } from '../storage/job-queue.ts'

/** Runs work on one queue, the same for as long as a test lasts. */
export type QueueAccess = <T>(work: (queue: JobQueue) => Promise<T>) => Promise<T>

/**
 * What every implementation of `JobQueue` must do. Call it inside `describe`.
 *
 * @param open an empty queue
 */
export function jobQueueContract(open: () => Promise<QueueAccess>): void {
  const wish = (key: string, payload = key) => ({ key, payload })
  const keys = async (access: QueueAccess) => (await access((queue) => queue.list(100))).map(({ key }) => key)
  const only = async (access: QueueAccess) => {
    const [job] = await access((queue) => queue.list(2))
    if (job === undefined) throw new Error('there is no job')
    return job
  }

  describe('a job', () => {
    it('is kept as it was wished, and found by its key', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a', '{"x":1}')], 1_700_000_000_000))
      const expected = {
        key: 'a',
        payload: '{"x":1}',
        version: 1,
        attempts: 0,
        nextAttemptAtMs: 1_700_000_000_000,
        lastError: null,
      }
      expect(await access((queue) => queue.find('a'))).toEqual(expected)
      expect(await access((queue) => queue.find('b'))).toBeNull()
      expect(await access((queue) => queue.list(10))).toEqual([expected])
    })

    it('is replaced by a newer wish, in its old place and with its attempts forgotten', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a'), wish('b')], 1))
      const before = await only(access)
      await access((queue) => queue.retry(before, 99, 'no'))
      await access((queue) => queue.put([wish('a', 'newer')], 2))
      expect(await keys(access)).toEqual(['a', 'b'])
      expect(await access((queue) => queue.find('a'))).toMatchObject({
        payload: 'newer',
        version: 2,
        attempts: 0,
        nextAttemptAtMs: 2,
        lastError: null,
      })
    })

    it('keeps an earlier time when it is wished for again, unless it was tried already', async () => {
      const access = await open()
      const dueOf = async (key: string) => (await access((queue) => queue.find(key)))?.nextAttemptAtMs
      await access((queue) => queue.put([wish('a'), wish('b')], 10))
      await access((queue) => queue.put([wish('a', 'newer')], 20))
      expect(await dueOf('a')).toBe(10)
      expect(await access((queue) => queue.find('a'))).toMatchObject({ payload: 'newer', version: 2 })
      await access((queue) => queue.put([wish('b')], 5))
      expect(await dueOf('b')).toBe(5)
      const job = await only(access)
      await access((queue) => queue.retry(job, 15, 'no'))
      await access((queue) => queue.put([wish('a')], 30))
      expect(await dueOf('a')).toBe(30)
    })

    it.each([
      ['finish', (queue: JobQueue, job: Awaited<ReturnType<typeof only>>) => queue.finish(job)],
      ['retry', (queue: JobQueue, job: Awaited<ReturnType<typeof only>>) => queue.retry(job, 99, 'no')],
      ['giveUp', (queue: JobQueue, job: Awaited<ReturnType<typeof only>>) => queue.giveUp(job, 'no')],
    ])('is not touched by a %s that is meant for an older wish', async (_name, act) => {
      const access = await open()
      await access((queue) => queue.put([wish('a')], 1))
      const older = await only(access)
      await access((queue) => queue.put([wish('a', 'newer')], 2))
      await access((queue) => act(queue, older))
      expect(await access((queue) => queue.list(10))).toMatchObject([
        { payload: 'newer', attempts: 0, version: 2 },
      ])
    })

    it('goes when it is finished', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a'), wish('b')], 1))
      const job = await only(access)
      await access((queue) => queue.finish(job))
      expect(await keys(access)).toEqual(['b'])
    })

    it('counts its attempts and remembers the last error, whatever is in that', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a')], 1))
      for (const attempt of [1, 2]) {
        const job = await only(access)
        await access((queue) => queue.retry(job, attempt * 10, `\0${'é'.repeat(600)}`))
      }
      const job = await only(access)
      expect(job).toMatchObject({ attempts: 2, nextAttemptAtMs: 20, version: 1 })
      expect(job.lastError).toMatch(/^é{500}$/)
    })

    it('is set aside when it is given up, and taken up by a newer wish', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a'), wish('b')], 1))
      const job = await only(access)
      await access((queue) => queue.giveUp(job, 'refused'))
      expect(await keys(access)).toEqual(['b'])
      expect(await access((queue) => queue.find('a'))).toBeNull()
      const aside = { key: 'a', attempts: 1, lastError: 'refused' }
      expect(await access((queue) => queue.listGivenUp(10))).toMatchObject([aside])
      expect(await access((queue) => queue.findGivenUp('a'))).toMatchObject(aside)
      expect(await access((queue) => queue.findGivenUp('b'))).toBeNull()
      await access((queue) => queue.put([wish('a')], 2))
      expect(await keys(access)).toEqual(['a', 'b'])
      expect(await access((queue) => queue.listGivenUp(10))).toEqual([])
    })
  })

  describe('a job that is revived', () => {
    it('is due at once, in its old place, whether it waits or was given up', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a'), wish('b'), wish('c')], 1))
      const [a, b] = await access((queue) => queue.list(2))
      if (a === undefined || b === undefined) throw new Error('there are no jobs')
      await access((queue) => queue.giveUp(a, 'refused'))
      await access((queue) => queue.retry(b, 99, 'away'))
      expect(await access((queue) => queue.count())).toEqual({ waiting: 2, givenUp: 1 })
      for (const key of ['a', 'b']) expect(await access((queue) => queue.revive(key, 7))).toBe(true)
      const renewed = { version: 2, attempts: 0, nextAttemptAtMs: 7, lastError: null }
      expect(await access((queue) => queue.list(10))).toMatchObject([
        { key: 'a', payload: 'a', ...renewed },
        { key: 'b', payload: 'b', ...renewed },
        { key: 'c' },
      ])
      expect(await access((queue) => queue.count())).toEqual({ waiting: 3, givenUp: 0 })
    })

    it('must be there', async () => {
      const access = await open()
      expect(await access((queue) => queue.revive('a', 7))).toBe(false)
      expect(await access((queue) => queue.count())).toEqual({ waiting: 0, givenUp: 0 })
    })
  })

  describe('a job that gets on', () => {
    it('has another payload and time, unless somebody else has changed it', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a')], 1))
      const job = await only(access)
      const change = { payload: '{"step":2}', nextAttemptAtMs: 9 }
      const advanced = await access((queue) => queue.advance(job, change))
      expect(advanced).toEqual({ ...job, ...change, version: 2 })
      expect(await only(access)).toEqual(advanced)
      expect(await access((queue) => queue.advance(job, { ...change, payload: 'late' }))).toBeNull()
      await access((queue) => queue.finish(job))
      expect(await only(access)).toEqual(advanced)
    })

    it('is due at once when the queue is hastened', async () => {
      const access = await open()
      await access((queue) => queue.put([wish('a')], 1))
      const job = await only(access)
      await access((queue) => queue.retry(job, 1_000, 'away'))
      await access((queue) => queue.hasten(5))
      expect(await only(access)).toMatchObject({ nextAttemptAtMs: 5, attempts: 0, version: 1 })
    })
  })

  describe('a queue', () => {
    it('is in the order of first wishes, also of hundreds at a time', async () => {
      const access = await open()
      const many = Array.from({ length: 700 }, (_, index) => wish(`k${index}`))
      await access((queue) => queue.put([wish('z'), wish('y')], 1))
      await access((queue) => queue.put(many, 1))
      await access((queue) => queue.put([wish('a')], 1))
      const all = await access((queue) => queue.list(1_000))
      expect(all.map(({ key }) => key)).toEqual(['z', 'y', ...many.map(({ key }) => key), 'a'])
      expect(await access((queue) => queue.list(2))).toEqual(all.slice(0, 2))
    })

    it('does nothing for no wishes', async () => {
      const access = await open()
      await access((queue) => queue.put([], 1))
      expect(await keys(access)).toEqual([])
    })
  })
}
