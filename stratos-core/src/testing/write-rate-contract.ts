import { expect, it } from 'vitest'
import type { Did } from '../ids.ts'
import type { WriteRate, WriteRateLimiter } from '../storage/write-rate-limiter.ts'
import { newDid } from './samples.ts'

const RATE: WriteRate = { maxWrites: 10, windowMs: 1_000, cooldownMs: 100, cooldownJitterMs: 50 }

/**
 * What every implementation of `WriteRateLimiter` must do. Call it inside `describe`.
 *
 * @param open a limiter, or several that share what they count, with this rate, clock and source of chance
 */
export function writeRateContract(
  open: (rate: WriteRate, nowMs: () => number, random: () => number) => readonly WriteRateLimiter[],
): void {
  const setUp = () => {
    const clock = { nowMs: 1_700_000_000_000 }
    const limiters = open(
      RATE,
      () => clock.nowMs,
      () => 0.5,
    )
    const did = newDid()
    let calls = 0
    const charge = (writes: number, user: Did = did) => {
      calls += 1
      const limiter = limiters[calls % limiters.length]
      if (limiter === undefined) throw new Error('there is no limiter')
      return limiter.charge(user, writes)
    }
    return { clock, charge }
  }
  const refused = (retryAfterMs: number) =>
    expect.objectContaining({ code: 'RateLimitExceeded', retryAfterMs })

  it('allows as many writes as fit into the window, and not one more', async () => {
    const { charge } = setUp()
    await charge(4)
    await charge(6)
    await expect(charge(1)).rejects.toEqual(refused(125))
  })

  it('rolls its window: writes count for as long as that is', async () => {
    const { clock, charge } = setUp()
    await charge(6)
    clock.nowMs += 600
    await charge(4)
    clock.nowMs += 400
    await charge(6)
    await expect(charge(1)).rejects.toEqual(refused(125))
  })

  it('pauses whoever goes beyond it, whatever they try meanwhile', async () => {
    const { clock, charge } = setUp()
    await expect(charge(11)).rejects.toEqual(refused(125))
    clock.nowMs += 50
    await expect(charge(1)).rejects.toEqual(refused(75))
    clock.nowMs += 74
    await expect(charge(1)).rejects.toEqual(refused(1))
    clock.nowMs += 1
    await charge(10)
  })

  it('counts each user apart', async () => {
    const { charge } = setUp()
    await expect(charge(11)).rejects.toEqual(refused(125))
    await charge(10, newDid())
  })

  it('counts exactly when many come at the same time', async () => {
    const { charge } = setUp()
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => charge(1)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
  })
}
