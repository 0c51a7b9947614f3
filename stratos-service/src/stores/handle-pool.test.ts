import { afterEach, describe, expect, it } from 'vitest'
import { HandlePool } from './handle-pool.ts'

interface Handle {
  readonly key: string
  open: boolean
}

const pools: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

function setUp(max: number, { slow = false } = {}) {
  const clock = { nowMs: 0 }
  const handles: Handle[] = []
  const errors: unknown[] = []
  const failing = { opening: new Set<string>(), closing: new Set<string>() }
  const pool = new HandlePool<string, Handle>({
    max,
    idleMs: 1_000,
    open: async (key) => {
      if (failing.opening.has(key)) throw new Error(`cannot open ${key}`)
      if (handles.some((handle) => handle.open && handle.key === key)) throw new Error(`${key} is open twice`)
      const handle = { key, open: true }
      handles.push(handle)
      return handle
    },
    close: async (handle) => {
      if (slow) await new Promise(setImmediate)
      if (failing.closing.has(handle.key)) throw new Error(`cannot close ${handle.key}`)
      handle.open = false
    },
    onError: (err) => errors.push(err),
    nowMs: () => clock.nowMs,
  })
  pools.push(pool)
  const openKeys = () => handles.filter(({ open }) => open).map(({ key }) => key)
  const touch = (key: string) => pool.use(key, async (handle) => handle)
  /** Uses a handle until told to stop. */
  const hold = async (key: string) => {
    const began = Promise.withResolvers<Handle>()
    const released = Promise.withResolvers<void>()
    const ended = pool.use(key, async (handle) => {
      began.resolve(handle)
      await released.promise
      return handle.open
    })
    return { handle: await began.promise, release: () => (released.resolve(), ended) }
  }
  return { pool, clock, handles, errors, failing, openKeys, touch, hold }
}

describe('a pool of handles', () => {
  it('opens each key once, however many ask for it', async () => {
    const { touch, handles } = setUp(5)
    const found = await Promise.all(Array.from({ length: 10 }, () => touch('a')))
    expect(new Set(found).size).toBe(1)
    expect(handles).toHaveLength(1)
  })

  it('closes the one that was used least recently when there is no room', async () => {
    const { touch, openKeys } = setUp(2)
    for (const key of ['a', 'b', 'a', 'c']) await touch(key)
    expect(openKeys()).toEqual(['a', 'c'])
  })

  it('never has more than it may, and makes those wait for whom there is no room', async () => {
    const { pool, openKeys, hold } = setUp(3)
    const held = await Promise.all(['a', 'b', 'c'].map(hold))
    let served = 0
    const waiting = Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        pool.use(`w${index}`, async () => {
          served += 1
          expect(openKeys().length).toBeLessThanOrEqual(3)
        }),
      ),
    )
    await new Promise((resolve) => setImmediate(resolve))
    expect(served).toBe(0)
    await held[1]?.release()
    await waiting
    expect(served).toBe(20)
    expect(await held[0]?.release()).toBe(true)
    expect(await held[2]?.release()).toBe(true)
  })

  it('tries again after a handle could not be opened', async () => {
    const { touch, failing, pool } = setUp(2)
    failing.opening.add('a')
    await expect(Promise.all([touch('a'), touch('a')])).rejects.toThrow('cannot open a')
    expect(pool.size).toBe(0)
    failing.opening.clear()
    expect((await touch('a')).key).toBe('a')
  })

  it('counts what is being closed as open', async () => {
    const { openKeys, pool } = setUp(2, { slow: true })
    let most = 0
    const uses = Array.from('abcdefgh', (key) =>
      pool.use(key, async () => {
        most = Math.max(most, openKeys().length)
      }),
    )
    await Promise.all(uses)
    expect(most).toBe(2)
  })

  it('closes what was not used for a while, and nothing that is in use', async () => {
    const { pool, clock, openKeys, touch, hold } = setUp(5)
    const held = await hold('held')
    await touch('old')
    clock.nowMs = 600
    await touch('new')
    clock.nowMs = 1_000
    pool.closeIdle()
    await touch('another')
    expect(openKeys()).toEqual(['held', 'new', 'another'])
    await held.release()
  })

  it('reports what could not be closed', async () => {
    const { touch, failing, errors, pool } = setUp(1)
    await touch('a')
    failing.closing.add('a')
    await touch('b')
    await pool.close()
    expect(errors).toEqual([new Error('cannot close a')])
  })

  it('takes nobody any more once it is closed, and closes what is in use when it is not', async () => {
    const { pool, openKeys, touch, hold } = setUp(2)
    const held = await hold('a')
    const closed = pool.close()
    await expect(touch('b')).rejects.toThrow('the pool is closed')
    expect(openKeys()).toEqual(['a'])
    expect(await held.release()).toBe(true)
    await closed
    expect(openKeys()).toEqual([])
  })
})

describe('exclusive work at a key', () => {
  it('waits for those who use the handle, and keeps others out until it is done', async () => {
    const { pool, openKeys, touch, hold } = setUp(5)
    const order: string[] = []
    const held = await hold('a')
    const working = Promise.withResolvers<void>()
    const exclusive = pool.exclusive('a', async () => {
      order.push(`alone with ${openKeys().length} open`)
      await working.promise
      order.push('done')
    })
    const later = touch('a').then(() => order.push('used again'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])
    await held.release()
    working.resolve()
    await Promise.all([exclusive, later])
    expect(order).toEqual(['alone with 0 open', 'done', 'used again'])
  })

  it('is done by one at a time, and leaves the key usable when it fails', async () => {
    const { pool, touch } = setUp(5)
    let alone = true
    const work = async () => {
      expect(alone).toBe(true)
      alone = false
      await new Promise((resolve) => setImmediate(resolve))
      alone = true
    }
    await Promise.all([pool.exclusive('a', work), pool.exclusive('a', work), pool.exclusive('a', work)])
    const failure = pool.exclusive('a', async () => {
      throw new Error('no')
    })
    await expect(failure).rejects.toThrow('no')
    expect((await touch('a')).open).toBe(true)
  })
})
