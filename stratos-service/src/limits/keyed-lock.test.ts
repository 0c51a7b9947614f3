import { describe, expect, it } from 'vitest'
import { KeyedLock } from './keyed-lock.ts'

describe('KeyedLock', () => {
  it('runs work of one key in order of arrival, also after a failure', async () => {
    const lock = new KeyedLock()
    const order: string[] = []
    const work = (name: string, fail = false) =>
      lock.run('key', async () => {
        order.push(`${name} begins`)
        await Promise.resolve()
        order.push(`${name} ends`)
        if (fail) throw new Error(name)
      })
    await Promise.allSettled([work('one'), work('two', true), work('three')])
    expect(order).toEqual(['one begins', 'one ends', 'two begins', 'two ends', 'three begins', 'three ends'])
  })

  it('lets different keys pass each other', async () => {
    const lock = new KeyedLock()
    const gate = Promise.withResolvers<void>()
    const slow = lock.run('a', () => gate.promise)
    await lock.run('b', async () => undefined)
    gate.resolve()
    await slow
  })

  it('turns away whoever would wait too long', async () => {
    const lock = new KeyedLock()
    const gate = Promise.withResolvers<void>()
    const waiting = Array.from({ length: 200 }, () => lock.run('key', () => gate.promise))
    await expect(lock.run('key', async () => undefined)).rejects.toMatchObject({ code: 'ServiceUnavailable' })
    gate.resolve()
    await Promise.all(waiting)
    await lock.run('key', async () => undefined)
  })
})
