import { StratosError } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { LookupCache } from './lookup-cache.ts'

const TIMES = { freshMs: 60, missingMs: 30, refreshAfterMs: 5, maxStaleMs: 1_000, maxEntries: 2 }

function setUp() {
  const clock = { nowMs: 10_000 }
  const server: { answer: string | null | Error; asked: number } = { answer: 'one', asked: 0 }
  const cache = new LookupCache<string>({
    ...TIMES,
    nowMs: () => clock.nowMs,
    look: async () => {
      server.asked += 1
      if (server.answer instanceof Error) throw server.answer
      return server.answer
    },
  })
  return { clock, server, cache }
}

describe('LookupCache', () => {
  it('asks once at a time, and again when the answer is no longer fresh', async () => {
    const { cache, server, clock } = setUp()
    expect(await Promise.all([cache.find('k'), cache.find('k')])).toEqual(['one', 'one'])
    server.answer = 'two'
    clock.nowMs += 59
    expect(await cache.find('k')).toBe('one')
    clock.nowMs += 1
    expect(await cache.find('k')).toBe('two')
    expect(server.asked).toBe(2)
  })

  it('keeps "there is none" for less time', async () => {
    const { cache, server, clock } = setUp()
    server.answer = null
    expect(await cache.find('k')).toBeNull()
    server.answer = 'one'
    expect(await cache.find('k')).toBeNull()
    clock.nowMs += 30
    expect(await cache.find('k')).toBe('one')
  })

  it('gives the last answer when asking fails, up to an age that the caller may lower', async () => {
    const { cache, server, clock } = setUp()
    await cache.find('k')
    server.answer = new Error('down')
    clock.nowMs += 60
    expect(await cache.find('k')).toBe('one')
    expect(await cache.find('k', { maxStaleMs: 59 })).toBeNull()
    clock.nowMs += 941
    expect(await cache.find('k')).toBeNull()
    server.answer = 'two'
    clock.nowMs += 30
    expect(await cache.find('k')).toBe('two')
  })

  it('forgets what is gone, and does not bring it back', async () => {
    const { cache, server, clock } = setUp()
    await cache.find('k')
    server.answer = null
    clock.nowMs += 60
    expect(await cache.find('k')).toBeNull()
    server.answer = new Error('down')
    clock.nowMs += 30
    expect(await cache.find('k')).toBeNull()
  })

  it('asks again when told to, and no more often than every so often', async () => {
    const { cache, server, clock } = setUp()
    await cache.find('k')
    for (let i = 0; i < 10; i++) await cache.find('k', { refresh: true })
    expect(server.asked).toBe(1)
    clock.nowMs += 5
    await cache.find('k', { refresh: true })
    expect(server.asked).toBe(2)
  })

  it('does not remember having been too busy', async () => {
    const { cache, server } = setUp()
    server.answer = new StratosError('ServiceUnavailable', 'busy')
    await expect(cache.find('k')).rejects.toMatchObject({ code: 'ServiceUnavailable' })
    server.answer = 'one'
    expect(await cache.find('k')).toBe('one')
  })
})
