import { describe, expect, it } from 'vitest'
import { InGroups } from './in-groups.ts'

function groups(options: { atOnce: number; maxTogether: number }) {
  const seen: number[][] = []
  const inGroups = new InGroups<number, boolean>({
    ...options,
    carryOut: async (items) => {
      seen.push([...items])
      if (items.includes(13)) throw new Error('thirteen')
      return items.map((item) => item % 2 === 0)
    },
  })
  return { seen, ask: (...items: number[]) => Promise.all(items.map((item) => inGroups.ask(item))) }
}

describe('what is asked for at the same time', () => {
  it('goes together, as much as may, and each hears their own answer', async () => {
    const { seen, ask } = groups({ atOnce: 2, maxTogether: 3 })
    expect(await ask(1, 2, 3, 4, 5, 6, 7)).toEqual([false, true, false, true, false, true, false])
    expect(seen).toEqual([[1, 2, 3], [4, 5, 6], [7]])
    await ask(8)
    expect(seen).toHaveLength(4)
  })

  it('fails together, and nothing else does', async () => {
    const { ask } = groups({ atOnce: 1, maxTogether: 2 })
    const outcomes = await Promise.allSettled([13, 2, 4].map((item) => ask(item)))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect(await ask(6)).toEqual([true])
  })
})
