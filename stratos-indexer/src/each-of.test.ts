import { expect, it } from 'vitest'
import { eachOf } from './each-of.ts'

it('takes every entry once, so many of them at a time', async () => {
  const seen: number[] = []
  let [now, most] = [0, 0]
  await eachOf([1, 2, 3, 4, 5, 6, 7], 3, async (entry) => {
    now += 1
    most = Math.max(most, now)
    await Promise.resolve()
    seen.push(entry)
    now -= 1
  })
  expect(seen.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(most).toBe(3)
})

it('ends with the first failure, and begins nothing after it', async () => {
  const begun: number[] = []
  const all = eachOf([1, 2, 3, 4, 5, 6], 2, async (entry) => {
    begun.push(entry)
    if (entry === 2) throw new Error('two')
    await Promise.resolve()
  })
  await expect(all).rejects.toThrow('two')
  await new Promise((resolve) => setImmediate(resolve))
  expect(begun.length).toBeLessThan(6)
})

it('has nothing to do without entries', async () => {
  await eachOf([], 4, async () => expect.unreachable())
})
