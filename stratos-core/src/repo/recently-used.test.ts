import { describe, expect, it } from 'vitest'
import { RecentlyUsed } from './recently-used.ts'

describe('RecentlyUsed', () => {
  it('forgets what was not used for longest, and counts a find as use', () => {
    const values = new RecentlyUsed<string, number>(2)
    values.put('a', 1)
    values.put('b', 2)
    expect(values.find('a')).toBe(1)
    values.put('c', 3)
    expect([values.find('a'), values.find('b'), values.find('c')]).toEqual([1, null, 3])
  })

  it('replaces a value without forgetting another', () => {
    const values = new RecentlyUsed<string, number>(2)
    values.put('a', 1)
    values.put('b', 2)
    values.put('b', 3)
    expect([values.find('a'), values.find('b')]).toEqual([1, 3])
  })
})
