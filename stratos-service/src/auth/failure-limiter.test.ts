import { describe, expect, it } from 'vitest'
import { FailureLimiter } from './failure-limiter.ts'

function setUp(maxFailures = 3) {
  const clock = { nowMs: 5_000 }
  return { clock, limiter: new FailureLimiter({ maxFailures, windowMs: 60_000, nowMs: () => clock.nowMs }) }
}

const LIMITED = expect.objectContaining({ code: 'RateLimitExceeded' })

describe('FailureLimiter', () => {
  it('refuses after the allowed number of failures, for the rest of the window', () => {
    const { clock, limiter } = setUp()
    for (let i = 0; i < 3; i++) {
      limiter.check('192.0.2.1')
      limiter.count('192.0.2.1')
      clock.nowMs += 10_000
    }
    expect(() => limiter.check('192.0.2.1')).toThrow(LIMITED)
    expect(() => limiter.check('192.0.2.1')).toThrow(expect.objectContaining({ retryAfterMs: 30_000 }))
    expect(() => limiter.check('192.0.2.2')).not.toThrow()
    clock.nowMs += 30_000
    expect(() => limiter.check('192.0.2.1')).not.toThrow()
    limiter.count('192.0.2.1')
    expect(() => limiter.check('192.0.2.1')).not.toThrow()
  })

  it.each([
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', true],
    ['2001:db8::1', '2001:DB8:0:0:0:0:0:2', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['::1', '::2', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['192.0.2.1', '192.0.2.10', false],
  ])('takes %s and %s for one sender: %s', (a, b, same) => {
    const { limiter } = setUp(1)
    limiter.count(a)
    if (same) expect(() => limiter.check(b)).toThrow(LIMITED)
    else expect(() => limiter.check(b)).not.toThrow()
  })

  it('forgets the oldest sender when there are too many', () => {
    const { limiter } = setUp(1)
    for (let i = 0; i < 10_001; i++) limiter.count(`host-${i}`)
    expect(() => limiter.check('host-0')).not.toThrow()
    expect(() => limiter.check('host-1')).toThrow(LIMITED)
    expect(() => limiter.check('host-10000')).toThrow(LIMITED)
  })
})
