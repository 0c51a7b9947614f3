import { describe, expect, it } from 'vitest'
import { FailureLimiter } from './failure-limiter.ts'

function setUp(maxFailures = 3) {
  const clock = { nowMs: 5_000 }
  const limiter = new FailureLimiter({ maxFailures, windowMs: 60_000, nowMs: () => clock.nowMs })
  const fail = (address: string) =>
    limiter
      .run(
        address,
        () => true,
        () => Promise.reject(new Error('wrong')),
      )
      .catch((err: unknown) => err)
  const succeed = (address: string) =>
    limiter.run(
      address,
      () => true,
      async () => 'in',
    )
  return { clock, limiter, fail, succeed }
}

const LIMITED = expect.objectContaining({ code: 'RateLimitExceeded' })

describe('FailureLimiter', () => {
  it('refuses after the allowed number of failures, for the rest of the window', async () => {
    const { clock, fail, succeed } = setUp()
    for (let i = 0; i < 3; i++) {
      await fail('192.0.2.1')
      clock.nowMs += 10_000
    }
    await expect(succeed('192.0.2.1')).rejects.toMatchObject({
      code: 'RateLimitExceeded',
      retryAfterMs: 30_000,
    })
    expect(await succeed('192.0.2.2')).toBe('in')
    clock.nowMs += 30_000
    expect(await succeed('192.0.2.1')).toBe('in')
    await fail('192.0.2.1')
    expect(await succeed('192.0.2.1')).toBe('in')
  })

  it('counts an attempt from its beginning: a hundred guesses at once are three', async () => {
    const { limiter } = setUp()
    let looked = 0
    const guesses = Array.from({ length: 100 }, () =>
      limiter
        .run(
          '192.0.2.1',
          () => true,
          async () => {
            looked += 1
            await new Promise((resolve) => setImmediate(resolve))
            throw new Error('wrong')
          },
        )
        .catch((err: unknown) => err),
    )
    const answers = await Promise.all(guesses)
    expect(looked).toBe(3)
    expect(answers.slice(3)).toEqual(Array(97).fill(LIMITED))
  })

  it('lets a hundred good attempts at once wait for each other, also past the end of the window', async () => {
    const { limiter, clock } = setUp()
    const work = Array.from({ length: 100 }, () =>
      limiter.run(
        '192.0.2.1',
        () => true,
        async () => {
          await new Promise((resolve) => setImmediate(resolve))
          clock.nowMs += 2_000
          return 'in'
        },
      ),
    )
    expect(await Promise.all(work)).toEqual(Array(100).fill('in'))
  })

  it('does not count other errors', async () => {
    const { limiter, succeed } = setUp(1)
    const other = limiter.run(
      '192.0.2.1',
      () => false,
      () => Promise.reject(new Error('no nonce yet')),
    )
    await expect(other).rejects.toThrow('no nonce yet')
    expect(await succeed('192.0.2.1')).toBe('in')
  })

  it('forgets the oldest sender when there are too many', async () => {
    const { fail, succeed } = setUp(1)
    for (let i = 0; i < 50_001; i++) await fail(`host-${i}`)
    await expect(succeed('host-1')).rejects.toEqual(LIMITED)
    await expect(succeed('host-50000')).rejects.toEqual(LIMITED)
    expect(await succeed('host-0')).toBe('in')
  })
})
