import { describe, expect, it } from 'vitest'
import type { Actors } from '../storage/actors.ts'
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

    it('of one actor is not that of another', async () => {
      const [one, other] = [await newActor(open()), await newActor(open())]
      await open().transact(one, ({ events }) => events.append(utf8('one'), 0))
      expect(await open().read(other, ({ events }) => events.listAfter(0, 10))).toEqual([])
      expect(await open().transact(other, ({ events }) => events.append(utf8('other'), 0))).toBe(1)
    })
  })
}
