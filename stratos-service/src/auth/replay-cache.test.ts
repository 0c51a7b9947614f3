import type { ReplayStore } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { ReplayCache } from './replay-cache.ts'

const MINUTE_MS = 60_000

function clockedCache(options: { shared?: ReplayStore; maxEntries?: number } = {}) {
  const clock = { nowMs: 1_000_000 }
  const { shared = null, maxEntries = 1_000 } = options
  return { clock, cache: new ReplayCache({ shared, maxEntries, nowMs: () => clock.nowMs }) }
}

class SharedStore implements ReplayStore {
  readonly keys = new Set<string>()

  async use(key: string): Promise<boolean> {
    const isNew = !this.keys.has(key)
    this.keys.add(key)
    return isNew
  }
}

describe('ReplayCache', () => {
  it('gives out each key once', async () => {
    const { cache } = clockedCache()
    expect(await cache.use('a', 2_000_000)).toBe(true)
    expect(await cache.use('b', 2_000_000)).toBe(true)
    expect(await cache.use('a', 2_000_000)).toBe(false)
  })

  it('gives a key to one of a hundred concurrent callers', async () => {
    const { cache } = clockedCache()
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => cache.use('a', 2_000_000)))
    expect(outcomes.filter((won) => won)).toHaveLength(1)
  })

  it('remembers every key until it expires, whatever the others do', async () => {
    const { clock, cache } = clockedCache({ maxEntries: 100_000 })
    const live = new Map<string, number>()
    for (let i = 0; i < 3_000; i++) {
      clock.nowMs += 500
      const [key, expiresAtMs] = [`k${i}`, clock.nowMs + ((i * 7_919) % (5 * MINUTE_MS))]
      expect(await cache.use(key, expiresAtMs)).toBe(true)
      live.set(key, expiresAtMs)
      const old = `k${(i * 31) % (i + 1)}`
      if ((live.get(old) ?? 0) > clock.nowMs) expect(await cache.use(old, 0), old).toBe(false)
    }
  })

  it('DPP-019: forgets what has expired, so that a steady flow takes steady room', async () => {
    const { clock, cache } = clockedCache({ maxEntries: 100_000 })
    let largest = 0
    for (let i = 0; i < 20_000; i++) {
      clock.nowMs += 100
      await cache.use(`k${i}`, clock.nowMs + MINUTE_MS)
      largest = Math.max(largest, cache.size)
    }
    // 600 keys are alive at any time; two generations of them and the least time a generation lasts.
    expect(largest).toBeLessThan(2 * 700 + 2)
    clock.nowMs += 10 * MINUTE_MS
    await cache.use('a', clock.nowMs + 1)
    expect(cache.size).toBe(1)
  })

  it('alone and full, refuses rather than forgets, and recovers when keys expire', async () => {
    const { clock, cache } = clockedCache({ maxEntries: 3 })
    for (const key of ['a', 'b', 'c']) await cache.use(key, clock.nowMs + MINUTE_MS)
    await expect(cache.use('d', clock.nowMs + MINUTE_MS)).rejects.toMatchObject({
      code: 'ServiceUnavailable',
    })
    expect(await cache.use('a', clock.nowMs + MINUTE_MS)).toBe(false)
    clock.nowMs += MINUTE_MS
    expect(await cache.use('d', clock.nowMs + MINUTE_MS)).toBe(true)
    expect(cache.size).toBe(1)
  })

  describe('in front of a shared store', () => {
    it('refuses what another instance has seen', async () => {
      const shared = new SharedStore()
      const [here, there] = [clockedCache({ shared }), clockedCache({ shared })]
      expect(await here.cache.use('a', 2_000_000)).toBe(true)
      expect(await there.cache.use('a', 2_000_000)).toBe(false)
    })

    it('leaves it alone when the key was seen here', async () => {
      const shared = new SharedStore()
      const { cache } = clockedCache({ shared })
      await cache.use('a', 2_000_000)
      shared.keys.clear()
      expect(await cache.use('a', 2_000_000)).toBe(false)
    })

    it('goes on asking it when memory is full', async () => {
      const { cache } = clockedCache({ shared: new SharedStore(), maxEntries: 1 })
      expect(await cache.use('a', 2_000_000)).toBe(true)
      expect(await cache.use('b', 2_000_000)).toBe(true)
      expect(await cache.use('b', 2_000_000)).toBe(false)
      expect(cache.size).toBe(1)
    })

    it('fails when it fails', async () => {
      const shared = { use: () => Promise.reject(new Error('down')) }
      await expect(clockedCache({ shared }).cache.use('a', 2_000_000)).rejects.toThrow('down')
    })
  })
})
