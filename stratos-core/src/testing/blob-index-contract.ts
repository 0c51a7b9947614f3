import { describe, expect, it } from 'vitest'
import { FULL_SCOPE, type ReadScope } from '../access/read-scope.ts'
import type { Did } from '../ids.ts'
import type { Actors } from '../storage/actors.ts'
import type { BlobIndex, UploadedBlob } from '../storage/blob-index.ts'
import type { RecordEntry, RecordKey } from '../storage/record-store.ts'
import { boundary, entry, newActor, tid } from './samples.ts'

const DAY_MS = 86_400_000
const scope = (...names: string[]): ReadScope => ({ kind: 'boundaries', boundaries: names.map(boundary) })
const upload = (cid: string, more: Partial<UploadedBlob> = {}): UploadedBlob => ({
  cid,
  mimeType: 'image/png',
  size: 7,
  temporaryKey: `key-of-${cid}`,
  keepUntilMs: DAY_MS,
  ...more,
})

/** What every implementation of `BlobIndex` must do. Call it inside `describe`. */
export function blobIndexContract(open: () => Actors): void {
  const read = <T>(did: Did, work: (blobs: BlobIndex) => Promise<T>) =>
    open().read(did, ({ blobs }) => work(blobs))
  const change = <T>(did: Did, work: (blobs: BlobIndex) => Promise<T>) =>
    open().transact(did, ({ blobs }) => work(blobs))
  const write = (did: Did, created: readonly RecordEntry[], deleted: readonly RecordKey[] = []) =>
    open().transact(did, ({ records }) => records.apply({ created, updated: [], deleted }))

  async function actorWith(
    blobs: readonly UploadedBlob[],
    records: readonly RecordEntry[] = [],
  ): Promise<Did> {
    const did = await newActor(open())
    for (const blob of blobs) await change(did, (index) => index.keep(blob))
    await write(did, records)
    return did
  }

  describe('an upload', () => {
    it('is entered as temporary, and nobody sees it', async () => {
      const did = await actorWith([upload('bafka')])
      expect(await read(did, (blobs) => blobs.findMany(['bafka', 'bafkb']))).toEqual([
        {
          cid: 'bafka',
          mimeType: 'image/png',
          size: 7,
          temporaryKey: 'key-of-bafka',
          keepUntilMs: DAY_MS,
          quarantined: false,
          doomed: false,
        },
      ])
      expect(await read(did, (blobs) => blobs.findVisible('bafka', FULL_SCOPE))).toBeNull()
      expect(await read(did, (blobs) => blobs.isKnownKey('key-of-bafka'))).toBe(true)
      expect(await read(did, (blobs) => blobs.isKnownKey('another'))).toBe(false)
    })

    it('of bytes that are there already keeps their place and is kept longer', async () => {
      const did = await actorWith([upload('bafka')])
      const again = upload('bafka', {
        temporaryKey: 'second',
        mimeType: 'image/gif',
        keepUntilMs: 2 * DAY_MS,
      })
      const kept = await change(did, (blobs) => blobs.keep(again))
      expect(kept).toMatchObject({
        temporaryKey: 'key-of-bafka',
        mimeType: 'image/png',
        keepUntilMs: 2 * DAY_MS,
      })
      const earlier = await change(did, (blobs) => blobs.keep(upload('bafka', { keepUntilMs: 1 })))
      expect(earlier.keepUntilMs).toBe(2 * DAY_MS)
    })

    it('of bytes that are being deleted starts anew and outlives the deletion', async () => {
      const did = await actorWith([upload('bafka')])
      await change(did, (blobs) => blobs.doom('bafka'))
      expect(await read(did, (blobs) => blobs.usage())).toBe(0)
      const kept = await change(did, (blobs) => blobs.keep(upload('bafka', { temporaryKey: 'second' })))
      expect(kept).toMatchObject({ temporaryKey: 'second', doomed: false })
      await change(did, (blobs) => blobs.remove('bafka'))
      expect(await read(did, (blobs) => blobs.findMany(['bafka']))).toHaveLength(1)
    })

    it('counts towards what its owner uses, and nobody else does', async () => {
      const [did, other] = await Promise.all([
        actorWith([upload('bafka'), upload('bafkb', { size: 5_000_000_000 })]),
        actorWith([]),
      ])
      expect(await read(did, (blobs) => blobs.usage())).toBe(5_000_000_007)
      expect(await read(other, (blobs) => blobs.usage())).toBe(0)
    })
  })

  describe('a blob', () => {
    const records = [
      entry('one', 'bafyone', { boundaries: [boundary('a')], blobs: ['bafka', 'bafkb'], rev: tid(1) }),
      entry('two', 'bafytwo', { boundaries: [boundary('b')], blobs: ['bafka'], rev: tid(2) }),
      entry('three', 'bafythree', { blobs: ['bafkc', 'bafkmissing'], rev: tid(3) }),
    ]
    const withRecords = () => actorWith([upload('bafka'), upload('bafkb'), upload('bafkc')], records)

    const visibility: [string, ReadScope, readonly string[]][] = [
      ['everything', FULL_SCOPE, ['bafka', 'bafkb', 'bafkc']],
      ['one boundary', scope('a'), ['bafka', 'bafkb']],
      ['another', scope('b'), ['bafka']],
      ['both', scope('a', 'b'), ['bafka', 'bafkb']],
      ['none of them', scope('c'), []],
      ['nothing', scope(), []],
    ]
    it.each(visibility)(
      'is seen in a scope of %s if a record in it refers to it',
      async (_what, of, expected) => {
        const did = await withRecords()
        const listed = await read(did, (blobs) => blobs.listVisible({ scope: of, after: '', limit: 10 }))
        expect(listed).toEqual(expected)
        for (const cid of ['bafka', 'bafkb', 'bafkc', 'bafkmissing']) {
          const found = await read(did, (blobs) => blobs.findVisible(cid, of))
          expect(found?.cid ?? null).toBe(expected.includes(cid) ? cid : null)
        }
      },
    )

    it('is listed by pages, and since a revision', async () => {
      const did = await withRecords()
      const list = (more: object) =>
        read(did, (blobs) => blobs.listVisible({ scope: FULL_SCOPE, after: '', limit: 10, ...more }))
      expect(await list({ limit: 2 })).toEqual(['bafka', 'bafkb'])
      expect(await list({ after: 'bafkb' })).toEqual(['bafkc'])
      expect(await list({ since: tid(1) })).toEqual(['bafka', 'bafkc'])
    })

    it('is gone from sight with its last visible record', async () => {
      const did = await withRecords()
      await write(did, [], [records[0]!])
      expect(await read(did, (blobs) => blobs.findVisible('bafka', scope('a')))).toBeNull()
      expect(await read(did, (blobs) => blobs.isReferenced('bafka'))).toBe(true)
      expect(await read(did, (blobs) => blobs.isReferenced('bafkb'))).toBe(false)
    })

    it('is out of sight in quarantine, and back afterwards', async () => {
      const did = await withRecords()
      expect(await change(did, (blobs) => blobs.setQuarantined('bafka', true, 5))).toBe(true)
      expect(await read(did, (blobs) => blobs.findVisible('bafka', FULL_SCOPE))).toBeNull()
      expect(await read(did, (blobs) => blobs.listDue(5, 10))).toEqual([{ cid: 'bafka', attempts: 0 }])
      expect(await change(did, (blobs) => blobs.setQuarantined('bafka', false, 6))).toBe(true)
      expect(await read(did, (blobs) => blobs.findVisible('bafka', FULL_SCOPE))).not.toBeNull()
      expect(await change(did, (blobs) => blobs.setQuarantined('bafkx', true, 5))).toBe(false)
    })

    it('that is doomed is missing, and removed only then', async () => {
      const did = await withRecords()
      await change(did, (blobs) => blobs.remove('bafka'))
      expect(await read(did, (blobs) => blobs.findMany(['bafka']))).toHaveLength(1)
      await change(did, (blobs) => blobs.doom('bafka'))
      expect(await read(did, (blobs) => blobs.findVisible('bafka', FULL_SCOPE))).toBeNull()
      expect(await change(did, (blobs) => blobs.setQuarantined('bafka', true, 5))).toBe(false)
      await change(did, (blobs) => blobs.remove('bafka'))
      expect(await read(did, (blobs) => blobs.findMany(['bafka']))).toEqual([])
    })

    it('that records refer to and nobody uploaded is listed as missing', async () => {
      const did = await withRecords()
      const { collection, rkey } = records[2]!
      const missing = { cid: 'bafkmissing', record: { collection, rkey } }
      expect(await read(did, (blobs) => blobs.listMissing('', 10))).toEqual([missing])
      await change(did, (blobs) => blobs.doom('bafka'))
      const first = await read(did, (blobs) => blobs.listMissing('', 1))
      expect(first).toEqual([{ cid: 'bafka', record: { collection, rkey: 'one' } }])
      expect(await read(did, (blobs) => blobs.listMissing('bafka', 10))).toEqual([missing])
    })

    it('is found by the records that refer to it', async () => {
      const did = await withRecords()
      const of = (...keys: RecordKey[]) => read(did, (blobs) => blobs.listReferencedBy(keys))
      expect((await of(records[0]!, records[1]!)).toSorted()).toEqual(['bafka', 'bafkb'])
      expect(await of(entry('none', ''))).toEqual([])
      expect(await of()).toEqual([])
    })
  })

  describe('checks', () => {
    it('are due when an upload has had its time, and at once after a use or a release', async () => {
      const did = await actorWith([upload('bafka'), upload('bafkb', { keepUntilMs: 9 }), upload('bafkc')])
      expect(await read(did, (blobs) => blobs.nextCheckAtMs())).toBe(9)
      expect(await read(did, (blobs) => blobs.listDue(8, 10))).toEqual([])
      await change(did, (blobs) => blobs.settle({ used: ['bafka'], released: ['bafkc', 'bafkx'], nowMs: 4 }))
      const due = await read(did, (blobs) => blobs.listDue(9, 10))
      expect(due.map(({ cid }) => cid)).toEqual(['bafka', 'bafkc', 'bafkb'])
      expect(await read(did, (blobs) => blobs.findMany(['bafka', 'bafkc']))).toMatchObject([
        { cid: 'bafka', keepUntilMs: 0 },
        { cid: 'bafkc', keepUntilMs: DAY_MS },
      ])
    })

    it('are put off, with a count of failures, or settled', async () => {
      const did = await actorWith([upload('bafka')])
      await change(did, (blobs) => blobs.checkAgain({ cid: 'bafka', attempts: 2 }, 77))
      expect(await read(did, (blobs) => blobs.listDue(77, 10))).toEqual([{ cid: 'bafka', attempts: 2 }])
      await change(did, (blobs) => blobs.checkAgain({ cid: 'bafka', attempts: 0 }, null))
      expect(await read(did, (blobs) => blobs.nextCheckAtMs())).toBeNull()
    })

    it('make bytes permanent only under the key that was looked at', async () => {
      const did = await actorWith([upload('bafka')])
      await change(did, (blobs) => blobs.markPermanent('bafka', 'another'))
      expect(await read(did, (blobs) => blobs.findMany(['bafka']))).toMatchObject([
        { temporaryKey: 'key-of-bafka' },
      ])
      await change(did, (blobs) => blobs.markPermanent('bafka', 'key-of-bafka'))
      expect(await read(did, (blobs) => blobs.findMany(['bafka']))).toMatchObject([{ temporaryKey: null }])
    })
  })
}
