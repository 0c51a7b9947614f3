import { expect, it } from 'vitest'
import type { ReplayStore } from '../storage/replay-store.ts'
import { newDid } from './samples.ts'

/**
 * What every implementation of `ReplayStore` must do. Call it inside `describe`.
 *
 * @param open stores that share what they remember, as instances of a service do; they may be one and the same
 * @param nowMs the clock that the stores have
 */
export function replayStoreContract(open: () => readonly ReplayStore[], nowMs: () => number): void {
  const inAMinute = () => nowMs() + 60_000
  const first = (): ReplayStore => {
    const [store] = open()
    if (store === undefined) throw new Error('there is no store')
    return store
  }

  it('takes a key once', async () => {
    const key = newDid()
    expect(await first().use(key, inAMinute())).toBe(true)
    for (const store of open()) expect(await store.use(key, inAMinute())).toBe(false)
    expect(await first().use(`${key}x`, inAMinute())).toBe(true)
  })

  it('gives exactly one of many the key that all ask for at the same time', async () => {
    const key = newDid()
    const stores = open()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (stores[index % stores.length] ?? first()).use(key, inAMinute()),
      ),
    )
    expect(answers.filter(Boolean)).toHaveLength(1)
  })

  it('takes each of many keys once that come together, in whatever order', async () => {
    const keys = Array.from({ length: 300 }, () => newDid())
    const stores = open()
    const orders = stores.map((store, index) => ({ store, keys: index % 2 === 0 ? keys : keys.toReversed() }))
    const answers = await Promise.all(
      orders.flatMap(({ store, keys: asked }) => asked.map((key) => store.use(key, inAMinute()))),
    )
    expect(answers.filter(Boolean)).toHaveLength(keys.length)
    for (const key of keys.slice(0, 3)) expect(await first().use(key, inAMinute())).toBe(false)
  })

  it('takes keys of any length and content', async () => {
    for (const key of ['\0', 'k'.repeat(100_000), `${newDid()}\n'"é\0`]) {
      const own = `${newDid()}${key}`
      expect(await first().use(own, inAMinute())).toBe(true)
      expect(await first().use(own, inAMinute())).toBe(false)
    }
  })
}
