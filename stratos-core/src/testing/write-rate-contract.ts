import { expect, it } from 'vitest'
import type { Did } from '../ids.ts'
import type { WriteRate, WriteRateLimiter } from '../storage/write-rate-limiter.ts'
import { newDid } from './samples.ts'

const RATE: WriteRate = { maxWrites: 10, windowMs: 1_000, cooldownMs: 100, cooldownJitterMs: 0 }

/**
 * What every implementation of `WriteRateLimiter` must do. Call it inside `describe`.
 *
 * @param open a limiter with this rate, or several that share what they count, as instances of a service do
 * @param clock the clock that they have, which the tests move
 */
export function writeRateContract(
  open: (rate: WriteRate) => readonly WriteRateLimiter[],
  clock: () => { nowMs: number },
): void {
  const setUp = () => {
    const limiters = open(RATE)
    const did = newDid()
    let calls = 0
    const next = () => {
      calls += 1
      const limiter = limiters[calls % limiters.length]
      if (limiter === undefined) throw new Error('there is no limiter')
      return limiter
    }
    const charge = (writes: number, user: Did = did) => next().charge(user, writes)
    const refund = (writes: number) => next().refund(did, writes)
    const forget = () => Promise.all(limiters.map((limiter) => limiter.forget(did)))
    return { charge, refund, forget }
  }
  const refused = (retryAfterMs: number) =>
    expect.objectContaining({ code: 'RateLimitExceeded', retryAfterMs })

  it('allows as many writes as fit into the window, and not one more', async () => {
    const { charge } = setUp()
    await charge(4)
    await charge(6)
    await expect(charge(1)).rejects.toEqual(refused(100))
  })

  it('rolls its window: writes count for as long as that is', async () => {
    const { charge } = setUp()
    await charge(6)
    clock().nowMs += 600
    await charge(4)
    clock().nowMs += 400
    await charge(6)
    await expect(charge(1)).rejects.toEqual(refused(100))
  })

  it('pauses whoever goes beyond it, whatever they try meanwhile', async () => {
    const { charge } = setUp()
    await expect(charge(11)).rejects.toEqual(refused(100))
    clock().nowMs += 50
    await expect(charge(1)).rejects.toEqual(refused(50))
    clock().nowMs += 49
    await expect(charge(1)).rejects.toEqual(refused(1))
    clock().nowMs += 1
    await charge(10)
  })

  it('takes back the newest of what it counted, and no more than that', async () => {
    const { charge, refund } = setUp()
    await charge(4)
    clock().nowMs += 600
    await charge(6)
    await refund(3)
    await charge(3)
    await refund(100)
    expect(await charge(10)).toMatchObject({ remaining: 0 })
    await expect(charge(1)).rejects.toEqual(refused(100))
    await refund(10)
    await expect(charge(1)).rejects.toEqual(refused(100))
  })

  it('says with nothing to count whether it is a pause', async () => {
    const { charge } = setUp()
    for (let call = 0; call < 20; call += 1) await charge(0)
    await charge(10)
    expect(await charge(0)).toMatchObject({ remaining: 0 })
    await expect(charge(1)).rejects.toEqual(refused(100))
    await expect(charge(0)).rejects.toEqual(refused(100))
  })

  it('can be forgotten', async () => {
    const { charge, forget } = setUp()
    await expect(charge(11)).rejects.toEqual(refused(100))
    await forget()
    await charge(10)
  })

  it('counts each user apart', async () => {
    const { charge } = setUp()
    await expect(charge(11)).rejects.toEqual(refused(100))
    await charge(10, newDid())
  })

  it('counts exactly when many come at the same time', async () => {
    const { charge } = setUp()
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => charge(1)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
  })
}
