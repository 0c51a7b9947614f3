import { PassThrough } from 'node:stream'
import type { Redis } from 'ioredis'
import pino from 'pino'
import type { Did, WriteRate } from 'stratos-core'
import { newDid, writeRateContract } from 'stratos-core/testing'
import { waitUntil } from 'test-network'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HAS_VALKEY, startValkey, type ValkeyServer } from '../../tests/_util/valkey.ts'
import { FallbackWriteRateLimiter } from '../limits/fallback-write-rate-limiter.ts'
import { SharedWriteRateLimiter } from '../limits/shared-write-rate-limiter.ts'
import { MemoryWriteRateLimiter } from '../limits/write-rate-limiter.ts'
import { AllowListSet } from './allow-list-set.ts'
import { connectValkey } from './connection.ts'
import { KeptList } from './kept-list.ts'
import { ValkeyWriteRates } from './write-rates.ts'

const clock = { nowMs: 1_700_000_000_000 }
const nowMs = () => clock.nowMs
const silent = pino({ level: 'silent' })

describe.runIf(HAS_VALKEY)('with Valkey', () => {
  let server: ValkeyServer
  let connections: Redis[] = []
  beforeAll(async () => {
    server = await startValkey()
    connections = await Promise.all([1, 2, 3].map(() => connectValkey(server.path, silent)))
  })
  afterAll(async () => {
    for (const connection of connections) connection.disconnect()
    await server.close()
  })

  const one = () => {
    const [connection] = connections
    if (connection === undefined) throw new Error('there is no connection')
    return connection
  }
  const isBack = () => waitUntil('it is back', async () => one().status === 'ready')
  const sharedLimiter = (valkey: Redis, rate: WriteRate) =>
    new SharedWriteRateLimiter(
      new ValkeyWriteRates({ valkey, prefix: 'did:web:stratos.example', rate, nowMs }),
      rate,
      nowMs,
    )

  describe('the limit on writes', () => {
    writeRateContract(
      (rate) => connections.map((valkey) => sharedLimiter(valkey, rate)),
      () => clock,
    )

    const rate = { maxWrites: 3, windowMs: 60_000, cooldownMs: 1_000, cooldownJitterMs: 0 }

    it('leaves nothing that does not run out by itself', async () => {
      const did = newDid()
      await sharedLimiter(one(), rate).charge(did, 1)
      const keys = await one().keys(`*${did}`)
      expect(keys).toHaveLength(1)
      expect(await one().pttl(keys[0] ?? '')).toBeGreaterThan(0)
    })

    it('holds on each instance alone while Valkey is away, and for all when it is back', async () => {
      const did = newDid()
      const limiter = new FallbackWriteRateLimiter(
        sharedLimiter(one(), rate),
        new MemoryWriteRateLimiter(rate, nowMs),
      )
      expect(await limiter.charge(did, 3)).toMatchObject({ remaining: 0 })
      await server.stop()
      expect(await limiter.charge(did, 2)).toMatchObject({ remaining: 1 })
      await limiter.refund(did, 1)
      expect(await limiter.charge(did, 2)).toMatchObject({ remaining: 0 })
      await expect(limiter.charge(did, 1)).rejects.toMatchObject({ code: 'RateLimitExceeded' })
      await limiter.forget(did)
      expect(await limiter.charge(did, 1)).toMatchObject({ remaining: 2 })
      await server.start()
      await isBack()
      expect(await limiter.charge(did, 3)).toMatchObject({ remaining: 0 })
      await expect(sharedLimiter(one(), rate).charge(did, 1)).rejects.toMatchObject({
        code: 'RateLimitExceeded',
      })
    })

    it('asks this instance alone when the others are too busy to agree', async () => {
      const contended = new SharedWriteRateLimiter(
        {
          load: async () => ({ state: { recent: [], pausedUntilMs: 0 }, mark: 0 }),
          save: async () => null,
          forget: async () => undefined,
        },
        rate,
        nowMs,
      )
      const limiter = new FallbackWriteRateLimiter(contended, new MemoryWriteRateLimiter(rate, nowMs))
      expect(await limiter.charge(newDid(), 1)).toMatchObject({ remaining: 2 })
    })
  })

  describe('a copy of a list', () => {
    const uri = 'https://lists.example/dids'
    const open = (valkey: Redis, of = uri) => new AllowListSet({ valkey, name: 'list', uri: of })
    const many = (count: number): ReadonlySet<Did> => new Set(Array.from({ length: count }, () => newDid()))
    beforeEach(async () => void (await one().flushall()))

    it('is read by another instance as it was written, a set under its name', async () => {
      const [first, second] = connections
      if (first === undefined || second === undefined) throw new Error('there are three connections')
      const list = { dids: many(2_500), etag: '"1"', checkedAtMs: 1_000 }
      await open(first).save(list)
      const reader = open(second)
      expect(await reader.load()).toEqual(list)
      expect(await second.scard('list')).toBe(2_500)

      const confirmed = { ...list, checkedAtMs: 2_000 }
      const writer = open(first)
      await writer.load()
      await writer.save(confirmed)
      expect(await reader.load()).toEqual(confirmed)

      const shorter = { dids: many(1), etag: null, checkedAtMs: 3_000 }
      await writer.save(shorter)
      expect(await reader.load()).toEqual(shorter)
      expect(await first.keys('list:next:*')).toEqual([])
    })

    it('does not count for another source, nor without its set', async () => {
      await open(one()).save({ dids: many(3), etag: '"1"', checkedAtMs: 1_000 })
      expect(await open(one(), 'https://other.example/').load()).toBeNull()
      await one().del('list')
      expect(await open(one()).load()).toBeNull()
    })

    it('is renewed by one instance at a time', async () => {
      const claims = await Promise.all(connections.map((valkey) => open(valkey).claim(60_000)))
      expect(claims.filter(Boolean)).toHaveLength(1)
    })
  })

  it('a list that an operator keeps as a set counts at once, and for a while without Valkey', async () => {
    const [alice, bob] = [newDid(), newDid()]
    const options = { valkey: one(), name: 'members', refreshMs: 60_000, maxStaleMs: 3_600_000 }
    const list = new KeptList({ ...options, logger: silent, nowMs })
    expect(await list.has(alice)).toBe(false)
    await one().sadd('members', alice)
    expect(await list.has(alice)).toBe(true)
    await list.refresh()
    await server.stop()
    expect([await list.has(alice), await list.has(bob)]).toEqual([true, false])
    clock.nowMs += 3_600_001
    expect(await list.has(alice)).toBe(false)
    await server.start()
    await isBack()
  })
})

describe.runIf(HAS_VALKEY)('a Valkey that refuses the password', () => {
  it('holds up nothing, and the password reaches no log', async () => {
    const server = await startValkey(['--requirepass', 'correct-horse'])
    const lines = new PassThrough()
    const logger = pino(lines)
    const connection = await connectValkey(`${server.path}?password=battery-staple`, logger)
    await expect(connection.get('x')).rejects.toThrow()
    connection.disconnect()
    await server.close()
    const logged = String(lines.read())
    expect(logged).toContain('Valkey')
    expect(logged).not.toMatch(/battery-staple|correct-horse/)
  })
})
