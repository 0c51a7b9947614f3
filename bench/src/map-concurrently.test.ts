import { expect, it } from 'vitest'
import { mapConcurrently } from './map-concurrently.ts'

it('keeps the order of the items, and the number of those under way', async () => {
  const waiting: (() => void)[] = []
  let mostUnderWay = 0
  const done = mapConcurrently([1, 2, 3, 4, 5], 2, async (item) => {
    const turn = Promise.withResolvers<void>()
    waiting.push(turn.resolve)
    mostUnderWay = Math.max(mostUnderWay, waiting.length)
    await turn.promise
    return item * 10
  })
  for (let finished = 0; finished < 5; finished += 1) {
    // The youngest first, so that results arrive out of order.
    waiting.pop()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await done).toEqual([10, 20, 30, 40, 50])
  expect(mostUnderWay).toBe(2)
})

it('fails when one item fails', async () => {
  const fail = async (item: number) => {
    if (item === 2) throw new Error('two')
    return item
  }
  await expect(mapConcurrently([1, 2, 3], 2, fail)).rejects.toThrow('two')
})
