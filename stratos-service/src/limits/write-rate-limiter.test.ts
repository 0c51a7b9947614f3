import { describe, expect, it } from 'vitest'
import { writeRateContract } from 'stratos-core/testing'
import { chargeWrites, idleAtMs, NO_WRITES } from './write-rate.ts'
import { MemoryWriteRateLimiter } from './write-rate-limiter.ts'

const clock = { nowMs: 1_700_000_000_000 }

describe('MemoryWriteRateLimiter', () => {
  writeRateContract(
    (rate) => [new MemoryWriteRateLimiter(rate, () => clock.nowMs)],
    () => clock,
  )
})

describe('a pause', () => {
  const rate = { maxWrites: 1, windowMs: 1_000, cooldownMs: 100, cooldownJitterMs: 50 }

  it.each([
    [0, 100],
    [0.5, 125],
    [0.999, 149],
  ])('has a random part: %d makes it %d ms', (chance, retryAfterMs) => {
    const charge = chargeWrites(NO_WRITES, 2, rate, 5_000, () => chance)
    expect(charge).toEqual({ state: { recent: [], pausedUntilMs: 5_000 + retryAfterMs }, retryAfterMs })
    expect(idleAtMs(charge.state, rate)).toBe(5_000 + retryAfterMs)
  })

  it('is not the last thing to be forgotten where writes count for longer', () => {
    const { state } = chargeWrites(NO_WRITES, 1, rate, 5_000, () => 0)
    const refused = chargeWrites(state, 1, rate, 5_200, () => 0).state
    expect(idleAtMs(refused, rate)).toBe(6_000)
  })
})
