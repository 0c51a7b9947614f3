import { expect, it } from 'vitest'
import type { LeaseStore } from '../storage/lease-store.ts'
import { newDid } from './samples.ts'

/** What every implementation of `LeaseStore` must do. Call it inside `describe`. */
export function leaseStoreContract(open: () => LeaseStore): void {
  it('gives a lease to one holder at a time, until it ends or is released', async () => {
    const leases = open()
    const did = newDid()
    expect(await leases.take(did, 'one', 1_000, 2_000)).toBeNull()
    expect(await leases.take(did, 'two', 1_001, 2_001)).toBe(2_000)
    expect(await leases.take(did, 'one', 1_500, 2_500)).toBeNull()
    expect(await leases.take(did, 'two', 2_499, 3_499)).toBe(2_500)
    expect(await leases.take(did, 'two', 2_500, 3_500)).toBeNull()
    await leases.release(did, 'one')
    expect(await leases.take(did, 'one', 2_600, 3_600)).toBe(3_500)
    await leases.release(did, 'two')
    expect(await leases.take(did, 'one', 2_700, 3_700)).toBeNull()
    expect(await leases.take(newDid(), 'two', 2_700, 3_700)).toBeNull()
  })

  it('gives it to one of many who ask at the same time', async () => {
    const leases = open()
    const did = newDid()
    const holders = Array.from({ length: 10 }, (_, index) => `holder ${index}`)
    const answers = await Promise.all(holders.map((holder) => leases.take(did, holder, 0, 100)))
    expect(answers.filter((answer) => answer === null)).toHaveLength(1)
  })
}
