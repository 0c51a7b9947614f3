import { describe, expect, it } from 'vitest'
import { LruCache } from './lru-cache.ts'

describe('LruCache', () => {
  it('drops the entry that was not used for the longest time', () => {
    const cache = new LruCache<string, number>(2)
    cache.set('a', 1)
    cache.set('b', 2)
    expect(cache.get('a')).toBe(1)
    cache.set('c', 3)
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3])
  })

  it('replaces a value without dropping another', () => {
    const cache = new LruCache<string, number>(2)
    cache.set('a', 1)
    cache.set('b', 2)
    cache.set('b', 3)
    expect([cache.get('a'), cache.get('b')]).toEqual([1, 3])
  })

  it('never holds more than it may', () => {
    const cache = new LruCache<number, number>(10)
    for (let i = 0; i < 1_000; i++) cache.set(i, i)
    expect(cache.size).toBe(10)
  })

  it('removes entries by key and by value', () => {
    const cache = new LruCache<string, number>(10)
    for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) cache.set(key, index)
    cache.delete('a')
    cache.deleteWhere((value) => value >= 2)
    expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual([undefined, 1, undefined, undefined])
  })
})
