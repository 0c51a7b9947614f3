import { expect, it } from 'vitest'
import { RateByAsker } from './rate-by-asker.ts'

it('permits so many a minute to each, and again in the next minute', () => {
  const clock = { nowMs: 1_000 }
  const rate = new RateByAsker(2, () => clock.nowMs)
  rate.charge('a')
  clock.nowMs += 20_000
  rate.charge('a')
  expect(() => rate.charge('a')).toThrow(
    expect.objectContaining({ code: 'RateLimitExceeded', retryAfterMs: 40_000 }),
  )
  rate.charge('b')
  clock.nowMs += 40_000
  rate.charge('a')
})

it('forgets the oldest of too many', () => {
  const rate = new RateByAsker(1, () => 0)
  for (let i = 0; i < 50_001; i++) rate.charge(String(i))
  rate.charge('0')
  expect(() => rate.charge('50000')).toThrow()
})
