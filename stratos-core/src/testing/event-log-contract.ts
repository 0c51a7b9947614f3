import { describe, expect, it } from 'vitest'
import type { Actors } from '../storage/actors.ts'
import { ANY_TAG, type EventQuery } from '../storage/event-log.ts'
import { newActor } from './samples.ts'

const utf8 = (text: string): Uint8Array => Buffer.from(text)

/** What every implementation of `EventLog` must do, over the events of actors. Call it inside `describe`. */
export function eventLogContract(open: () => Actors): void {
  describe('a feed', () => {
    it('numbers its events from 1 without a gap, and gives back what it was given', async () => {
      const did = await newActor(open())
      expect(await open().read(did, ({ events }) => events.latestSeq())).toBe(0)
      for (const [index, text] of ['one', 'two', 'three'].entries()) {
        const append = open().transact(did, ({ events }) =>
          events.append(utf8(text), 1_700_000_000_000 + index),
        )
        expect(await append).toBe(index + 1)
      }
      const found = await open().read(did, ({ events }) => events.listAfter(0, 10))
      expect(found.map(({ seq, atMs, body }) => [seq, atMs, Buffer.from(body).toString()])).toEqual([
        [1, 1_700_000_000_000, 'one'],
        [2, 1_700_000_000_001, 'two'],
        [3, 1_700_000_000_002, 'three'],
      ])
      expect(await open().read(did, ({ events }) => events.latestSeq())).toBe(3)
    })

    it('continues after any event, and is never longer than asked', async () => {
      const did = await newActor(open())
      await open().transact(did, async ({ events }) => {
        for (let index = 0; index < 12; index += 1) await events.append(utf8('x'), 0)
      })
      const seqs = (after: number, limit: number) =>
        open().read(did, async ({ events }) => (await events.listAfter(after, limit)).map(({ seq }) => seq))
      expect(await seqs(8, 3)).toEqual([9, 10, 11])
      expect(await seqs(11, 3)).toEqual([12])
      expect(await seqs(12, 3)).toEqual([])
      expect(await seqs(99, 3)).toEqual([])
    })

    it('does not use up a number for what was rolled back', async () => {
      const did = await newActor(open())
      const failed = open().transact(did, async ({ events }) => {
        await events.append(utf8('lost'), 0)
        throw new Error('no')
      })
      await expect(failed).rejects.toThrow('no')
      expect(await open().transact(did, ({ events }) => events.append(utf8('kept'), 0))).toBe(1)
    })

    it('can begin where another one ended, but not once it has begun', async () => {
      const did = await newActor(open())
      await open().transact(did, ({ events }) => events.continueAfter(41))
      expect(await open().transact(did, ({ events }) => events.append(utf8('x'), 0))).toBe(42)
      await open().transact(did, ({ events }) => events.continueAfter(7))
      expect(await open().read(did, ({ events }) => events.latestSeq())).toBe(42)
    })

    it('of one actor is not that of another', async () => {
      const [one, other] = [await newActor(open()), await newActor(open())]
      await open().transact(one, ({ events }) => events.append(utf8('one'), 0))
      expect(await open().read(other, ({ events }) => events.listAfter(0, 10))).toEqual([])
      expect(await open().transact(other, ({ events }) => events.append(utf8('other'), 0))).toBe(1)
    })

    it('begins after what was forgotten, from its beginning only, and goes on counting', async () => {
      const did = await newActor(open())
      await open().transact(did, async ({ events }) => {
        for (const atMs of [10, 20, 90, 30, 95]) await events.append(utf8('x'), atMs)
      })
      const trim = (limit: number) => open().transact(did, ({ events }) => events.trim(50, limit))
      const oldest = () => open().read(did, ({ events }) => events.oldestSeq())
      expect(await oldest()).toBe(1)
      expect(await trim(1)).toBe(1)
      expect(await trim(10)).toBe(1)
      expect(await trim(10)).toBe(0)
      expect(await oldest()).toBe(3)
      await open().transact(did, ({ events }) => events.trim(100, 10))
      expect(await oldest()).toBe(6)
      expect(await open().transact(did, ({ events }) => events.append(utf8('x'), 100))).toBe(6)
      expect(await oldest()).toBe(6)
    })
  })

  describe('a page of a feed', () => {
    const ALL: EventQuery = { limit: 10, maxBytes: 1_000, tagged: [] }
    const filled = async () => {
      const did = await newActor(open())
      const events: [tags: string[], contentBytes: number][] = [
        [['post', 'did:web:x/a'], 10],
        [['post', 'did:web:x/ab'], 10],
        [['like', 'did:web:x/a'], 500],
        [[], 10],
        [[ANY_TAG], 10],
        [['post', 'like', 'did:web:x/b', 'did:web:x/a'], 10],
      ]
      await open().transact(did, async (stores) => {
        for (const [tags, contentBytes] of events)
          await stores.events.append(utf8('x'), 7, { tags, contentBytes })
      })
      return (after: number, query: Partial<EventQuery>) =>
        open().read(did, async (stores) => {
          const page = await stores.events.page(after, { ...ALL, ...query })
          return [page.events.map(({ seq }) => seq), page.upTo, page.more]
        })
    }

    it('has everything that fits', async () => {
      const page = await filled()
      expect(await page(0, {})).toEqual([[1, 2, 3, 4, 5, 6], 6, false])
      expect(await page(6, {})).toEqual([[], 6, false])
      expect(await page(0, { limit: 2 })).toEqual([[1, 2], 2, true])
      expect(await page(0, { maxBytes: 30 })).toEqual([[1, 2], 2, true])
      expect(await page(2, { maxBytes: 30 })).toEqual([[3], 3, true])
    })

    it('has what is selected by whole words, and says how far it has looked', async () => {
      const page = await filled()
      expect(await page(0, { tagged: [['did:web:x/a']] })).toEqual([[1, 3, 5, 6], 6, false])
      expect(await page(0, { tagged: [['did:web:x/b', 'did:web:x/ab']] })).toEqual([[2, 5, 6], 6, false])
      expect(await page(0, { tagged: [['post'], ['did:web:x/a']] })).toEqual([[1, 5, 6], 6, false])
      expect(await page(0, { tagged: [['nothing']] })).toEqual([[5], 6, false])
      expect(await page(5, { tagged: [['nothing']] })).toEqual([[], 6, false])
      expect(await page(0, { tagged: [['post']], limit: 2 })).toEqual([[1, 2], 2, true])
    })

    it('can be told without bodies, and single events with them', async () => {
      const did = await newActor(open())
      await open().transact(did, async ({ events }) => {
        await events.append(utf8('one'), 1, { tags: ['a', 'b'], contentBytes: 5 })
        await events.append(utf8('two'), 2)
        await events.append(utf8('three'), 3)
      })
      expect(await open().read(did, ({ events }) => events.listIndex(0, 2))).toEqual([
        { seq: 1, atMs: 1, tags: ['a', 'b'], contentBytes: 8 },
        { seq: 2, atMs: 2, tags: [], contentBytes: 3 },
      ])
      const found = await open().read(did, ({ events }) => events.findMany([3, 1, 9]))
      expect(found.map(({ seq, body }) => [seq, Buffer.from(body).toString()])).toEqual([
        [1, 'one'],
        [3, 'three'],
      ])
    })
  })
}
