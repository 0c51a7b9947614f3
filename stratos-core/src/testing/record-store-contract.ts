import { beforeAll, describe, expect, it } from 'vitest'
import { FULL_SCOPE, type ReadScope } from '../access/read-scope.ts'
import { type Did, parseRkey } from '../ids.ts'
import type { Actors } from '../storage/actors.ts'
import type { RecordChanges, RecordEntry, RecordListing, RecordStore } from '../storage/record-store.ts'
import { block, boundary, COLLECTION, entry, head, newActor, OTHER_COLLECTION, tid } from './samples.ts'

const scope = (...names: string[]): ReadScope => ({ kind: 'boundaries', boundaries: names.map(boundary) })
const NO_CHANGES: RecordChanges = { created: [], updated: [], deleted: [] }
const ROOT = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'

/** What every implementation of `RecordStore` must do. Call it inside `describe`. */
export function recordStoreContract(open: () => Actors): void {
  const read = <T>(did: Did, work: (records: RecordStore) => Promise<T>) =>
    open().read(did, ({ records }) => work(records))
  const apply = (did: Did, changes: Partial<RecordChanges>) =>
    open().transact(did, ({ records }) => records.apply({ ...NO_CHANGES, ...changes }))

  /** An actor with records, each of which has a block with its key as content. */
  async function actorWith(...entries: RecordEntry[]): Promise<Did> {
    const did = await newActor(open())
    const blocks = await Promise.all(entries.map(({ rkey }) => block(rkey)))
    const created = entries.map((each, index) => ({ ...each, cid: blocks[index]![0] }))
    await open().transact(did, async ({ repo, records }) => {
      const added = new Map(blocks)
      const next = await head('second', 2)
      await records.apply({ ...NO_CHANGES, created })
      await repo.applyCommit(await head('first', 1), next, { added, removed: [], removedRecords: [] })
    })
    return did
  }

  describe('a record', () => {
    it('is found with its bytes and its boundaries', async () => {
      const boundaries = [boundary('a'), boundary('b')]
      const did = await actorWith(entry('one', '', { boundaries }))
      const found = await read(did, (records) => records.find(entry('one', ''), FULL_SCOPE))
      const [cid, bytes] = await block('one')
      expect({
        ...found,
        bytes: Uint8Array.from(found!.bytes),
        boundaries: found!.boundaries.toSorted(),
      }).toEqual({ collection: COLLECTION, rkey: 'one', cid, bytes, boundaries })
    })

    const visibility: [string, readonly string[], ReadScope, boolean][] = [
      ['everything', [], FULL_SCOPE, true],
      ['everything, behind a boundary', ['a'], FULL_SCOPE, true],
      ['its boundary', ['a'], scope('a'), true],
      ['one of its boundaries', ['a', 'b'], scope('b', 'c'), true],
      ['other boundaries', ['a', 'b'], scope('c', 'd'), false],
      ['boundaries, without one itself', [], scope('a'), false],
      ['nothing', ['a'], scope(), false],
      ['a boundary that its own begins with', ['ab'], scope('a'), false],
      ['a boundary that begins with its own', ['a'], scope('ab'), false],
    ]
    it.each(visibility)('in a scope of %s', async (_what, names, ofViewer, expected) => {
      const did = await actorWith(entry('one', '', { boundaries: names.map(boundary), blobs: ['bafkblob'] }))
      const key = entry('one', '')
      expect((await read(did, (records) => records.find(key, ofViewer))) !== null).toBe(expected)
      expect(await read(did, (records) => records.findMany([key], ofViewer))).toHaveLength(expected ? 1 : 0)
      const { records: listed } = await read(did, (records) => records.list(listing({ scope: ofViewer })))
      expect(listed).toHaveLength(expected ? 1 : 0)
      const blobs = await read(did, (records) => records.filterReferencedBlobs(['bafkblob'], ofViewer))
      expect(blobs.size).toBe(expected ? 1 : 0)
    })

    it('of another actor is not found', async () => {
      await actorWith(entry('one', ''))
      const other = await actorWith()
      expect(await read(other, (records) => records.find(entry('one', ''), FULL_SCOPE))).toBeNull()
    })

    it('cannot be created where there is one', async () => {
      const did = await actorWith(entry('one', '', { boundaries: [boundary('a')] }))
      await expect(apply(did, { created: [entry('one', 'other', { boundaries: [] })] })).rejects.toThrow()
      const found = await read(did, (records) => records.find(entry('one', ''), scope('a')))
      expect(found?.cid).toBe((await block('one'))[0])
    })

    it('gets the boundaries, blobs and links of its newest version and keeps no other', async () => {
      const before = {
        boundaries: [boundary('a')],
        blobs: ['bafkold'],
        links: [{ path: 'subject', target: ROOT }],
      }
      const did = await actorWith(entry('one', '', before), entry('two', '', before))
      const after = {
        boundaries: [boundary('b')],
        blobs: ['bafknew'],
        links: [{ path: 'subject', target: 'did:plc:x' }],
      }
      const [cid] = await block('one')
      await apply(did, { updated: [entry('one', cid, { ...after, rev: tid(2) })] })
      const state = await read(did, async (records) => ({
        behindOld: (await records.list(listing({ scope: scope('a') }))).records,
        behindNew: (await records.list(listing({ scope: scope('b') }))).records,
        blobs: await records.filterReferencedBlobs(['bafkold', 'bafknew'], scope('b')),
        links: await records.listLinking(ROOT, FULL_SCOPE, 10),
      }))
      expect(state.behindOld.map(({ rkey }) => rkey)).toEqual(['two'])
      expect(state.behindNew.map(({ rkey }) => rkey)).toEqual(['one'])
      expect(state.blobs).toEqual(new Set(['bafknew']))
      expect(state.links).toEqual([{ collection: COLLECTION, rkey: 'two' }])
    })

    it('takes everything along when it is deleted', async () => {
      const more = {
        boundaries: [boundary('a')],
        blobs: ['bafk'],
        links: [{ path: 'subject', target: ROOT }],
      }
      const did = await actorWith(entry('one', '', more))
      await apply(did, { deleted: [entry('one', '')] })
      await apply(did, { created: [entry('one', (await block('one'))[0])] })
      expect(await read(did, (records) => records.find(entry('one', ''), scope('a')))).toBeNull()
      expect(await read(did, (records) => records.filterReferencedBlobs(['bafk'], FULL_SCOPE))).toEqual(
        new Set(),
      )
      expect(await read(did, (records) => records.listLinking(ROOT, FULL_SCOPE, 10))).toEqual([])
    })
  })

  describe('changes', () => {
    it('may be hundreds in one, of every kind', async () => {
      const keys = Array.from({ length: 1_100 }, (_, index) => `k${String(index).padStart(4, '0')}`)
      const more = { boundaries: [boundary('a'), boundary('b')], blobs: ['bafk'], links: [] }
      const did = await newActor(open())
      await apply(did, { created: keys.map((key) => entry(key, 'old', more)) })
      await apply(did, {
        created: [entry('fresh', 'new', more)],
        updated: keys.slice(0, 550).map((key) => entry(key, 'new', more)),
        deleted: keys.slice(550).map((key) => entry(key, '')),
      })
      const cids = await read(did, (records) =>
        records.findCids(['fresh', ...keys].map((key) => entry(key, ''))),
      )
      expect(cids.size).toBe(551)
      expect(new Set(cids.values())).toEqual(new Set(['new']))
      expect(cids.get(`${COLLECTION}/fresh`)).toBe('new')
    })

    it('tell the CIDs of records of different collections apart', async () => {
      const did = await newActor(open())
      await apply(did, { created: [entry('one', 'a'), entry('one', 'b', { collection: OTHER_COLLECTION })] })
      const keys = [entry('one', ''), entry('one', '', { collection: OTHER_COLLECTION }), entry('two', '')]
      const expected = new Map([
        [`${COLLECTION}/one`, 'a'],
        [`${OTHER_COLLECTION}/one`, 'b'],
      ])
      expect(await read(did, (records) => records.findCids(keys))).toEqual(expected)
      expect(await read(did, (records) => records.findCids([]))).toEqual(new Map())
    })
  })

  describe('lists', () => {
    // In the order of their bytes, which is not that of a dictionary.
    const KEYS = ['-x', '.y', 'B', 'a', 'a-b', 'a1', 'aB', 'ab', '~']
    let did: Did

    beforeAll(async () => {
      const behind = (key: string) => ({ boundaries: [boundary(key === 'B' || key === 'ab' ? 'b' : 'a')] })
      did = await actorWith(
        ...KEYS.map((key) => entry(key, '', behind(key))).toReversed(),
        entry('elsewhere', '', { collection: OTHER_COLLECTION }),
      )
    })
    const keysOf = async (more: Partial<RecordListing>) =>
      (await read(did, (records) => records.list(listing(more)))).records.map(({ rkey }) => rkey)

    it('have one collection, in the order of the bytes of the keys, either way', async () => {
      expect(await keysOf({ ascending: true })).toEqual(KEYS)
      expect(await keysOf({ ascending: false })).toEqual(KEYS.toReversed())
    })

    it('continue after any key, and are never longer than asked', async () => {
      for (const [index, key] of KEYS.entries()) {
        const after = parseRkey(key)
        expect(await keysOf({ ascending: true, after, limit: 2 })).toEqual(KEYS.slice(index + 1, index + 3))
        expect(await keysOf({ ascending: false, after })).toEqual(KEYS.slice(0, index).toReversed())
      }
    })

    it('fill a page with what the viewer may see', async () => {
      expect(await keysOf({ scope: scope('b'), limit: 2, ascending: true })).toEqual(['B', 'ab'])
      expect(await keysOf({ scope: scope('c') })).toEqual([])
    })

    it('say whether there is more that the viewer may see, and count nothing else', async () => {
      const moreOf = async (more: Partial<RecordListing>) =>
        (await read(did, (records) => records.list(listing(more)))).more
      expect(await moreOf({ limit: KEYS.length })).toBe(false)
      expect(await moreOf({ limit: KEYS.length - 1 })).toBe(true)
      expect(await moreOf({ scope: scope('b'), limit: 2 })).toBe(false)
      expect(await moreOf({ scope: scope('b'), limit: 1 })).toBe(true)
      expect(await moreOf({ scope: scope('c'), limit: 1 })).toBe(false)
    })

    it('hold a record once that is behind several boundaries, of any number that the viewer has', async () => {
      const both = await actorWith(
        ...KEYS.map((key) => entry(key, '', { boundaries: [boundary('a'), boundary('b')] })),
      )
      const many = scope('a', ...Array.from({ length: 250 }, (_, index) => `n${index}`), 'b')
      const ofBoth = (more: Partial<RecordListing>) =>
        read(both, async (records) => {
          const page = await records.list(listing({ scope: many, ...more }))
          return page.records.map(({ rkey }) => rkey)
        })
      expect(await ofBoth({})).toEqual(KEYS)
      expect(await ofBoth({ limit: 3, ascending: false })).toEqual(KEYS.toReversed().slice(0, 3))
      expect(await read(both, (records) => records.findMany([entry('a', '')], many))).toHaveLength(1)
      expect(await read(both, (records) => records.listCollections(many, '', 10))).toEqual([COLLECTION])
    })

    it('end with the record that makes them too large', async () => {
      const [, { byteLength }] = await block('-x')
      const firstTwo = { maxBytes: byteLength + 1, ascending: true }
      expect(await keysOf({ ...firstTwo, scope: scope('b') })).toEqual(['B', 'ab'])
      expect(await keysOf(firstTwo)).toEqual(KEYS.slice(0, 2))
      expect(await keysOf({ maxBytes: 1 })).toEqual(KEYS.slice(0, 1))
      expect((await read(did, (records) => records.list(listing(firstTwo)))).more).toBe(true)
      const wanted = [...KEYS, 'missing'].map((key) => entry(key, ''))
      const batch = await read(did, (records) => records.findWithin(wanted, FULL_SCOPE, 1))
      expect(batch.records.map(({ rkey }) => rkey)).toEqual(KEYS.slice(0, 1))
      expect(batch.omitted.map(({ rkey }) => rkey)).toEqual(KEYS.slice(1))
      const all = await read(did, (records) => records.findWithin(wanted, scope('b'), 1_000))
      expect([all.records.length, all.omitted]).toEqual([2, []])
    })

    it('of collections name those with a record in scope, after a given one', async () => {
      const collections = (ofViewer: ReadScope, after = '', limit = 10) =>
        read(did, (records) => records.listCollections(ofViewer, after, limit))
      expect(await collections(FULL_SCOPE)).toEqual([COLLECTION, OTHER_COLLECTION])
      expect(await collections(FULL_SCOPE, '', 1)).toEqual([COLLECTION])
      expect(await collections(FULL_SCOPE, COLLECTION)).toEqual([OTHER_COLLECTION])
      expect(await collections(scope('a', 'b'))).toEqual([COLLECTION])
      expect(await collections(scope('c'))).toEqual([])
      expect(await collections(scope())).toEqual([])
    })

    it('of what is withheld name the blocks that nothing in scope has', async () => {
      const blockOf = async (key: string) => (await block(key))[0]
      const withheld = await read(did, (records) => records.listWithheld(scope('b')))
      const hidden = [...KEYS.filter((key) => key !== 'B' && key !== 'ab'), 'elsewhere']
      expect(withheld).toEqual(new Set(await Promise.all(hidden.map(blockOf))))
      expect((await read(did, (records) => records.listWithheld(FULL_SCOPE))).size).toBe(0)
      expect((await read(did, (records) => records.listWithheld(scope()))).size).toBe(KEYS.length + 1)
      const twins = await actorWith(entry('one', '', { boundaries: [boundary('a')] }))
      await apply(twins, { created: [entry('two', await blockOf('one'), { boundaries: [boundary('b')] })] })
      expect((await read(twins, (records) => records.listWithheld(scope('b')))).size).toBe(0)
    })

    it('of several keys hold each that is visible once', async () => {
      const wanted = ['B', 'a', 'missing'].map((key) => entry(key, ''))
      const found = await read(did, (records) => records.findMany(wanted, FULL_SCOPE))
      expect(found.map(({ rkey }) => rkey).toSorted()).toEqual(['B', 'a'])
      expect(await read(did, (records) => records.findMany(wanted, scope('b')))).toHaveLength(1)
      expect(await read(did, (records) => records.findMany([], FULL_SCOPE))).toEqual([])
    })
  })

  describe('a takedown', () => {
    const more = {
      boundaries: [boundary('a')],
      blobs: ['bafkblob'],
      links: [{ path: 'subject', target: ROOT }],
    }
    const takeDown = (did: Did, key: RecordEntry) =>
      open().transact(did, ({ records }) => records.takeDown(key, 1_700_000_000_000))
    const restore = (did: Did, key: RecordEntry) =>
      open().transact(did, ({ records }) => records.restore(key))

    /** How often any kind of read comes across the record. */
    async function sightings(did: Did, ofViewer: ReadScope): Promise<number> {
      const key = entry('one', '')
      return read(did, async (records) => {
        const found = [
          (await records.find(key, ofViewer)) === null ? 0 : 1,
          (await records.findMany([key], ofViewer)).length,
          (await records.findWithin([key], ofViewer, 1_000)).records.length,
          (await records.list(listing({ scope: ofViewer }))).records.length,
          (await records.listCollections(ofViewer, '', 10)).length,
          (await records.filterReferencedBlobs(['bafkblob'], ofViewer)).size,
          (await records.listLinking(ROOT, ofViewer, 10)).length,
        ]
        return found.reduce((sum, count) => sum + count)
      })
    }

    it('hides a record from everybody until it is undone', async () => {
      const did = await actorWith(entry('one', '', more))
      expect(await sightings(did, FULL_SCOPE)).toBe(7)
      expect(await takeDown(did, entry('one', ''))).toBe(true)
      expect(await takeDown(did, entry('one', ''))).toBe(false)
      expect([await sightings(did, FULL_SCOPE), await sightings(did, scope('a'))]).toEqual([0, 0])
      expect((await read(did, (records) => records.findCids([entry('one', '')]))).size).toBe(1)
      expect(await restore(did, entry('one', ''))).toBe(true)
      expect(await restore(did, entry('one', ''))).toBe(false)
      expect([await sightings(did, FULL_SCOPE), await sightings(did, scope('a'))]).toEqual([7, 7])
    })

    it('is of the address: it outlives what is written there, and takes a record to begin', async () => {
      const did = await actorWith(entry('one', '', more))
      expect(await takeDown(did, entry('two', ''))).toBe(false)
      await takeDown(did, entry('one', ''))
      const [cid] = await block('one')
      await apply(did, { updated: [entry('one', cid, { ...more, rev: tid(2) })] })
      expect(await sightings(did, FULL_SCOPE)).toBe(0)
      await apply(did, { deleted: [entry('one', '')] })
      await apply(did, { created: [entry('one', cid, more)] })
      expect(await sightings(did, scope('a'))).toBe(0)
      await restore(did, entry('one', ''))
      expect(await sightings(did, scope('a'))).toBe(7)
    })
  })

  describe('links', () => {
    it('lead from what is pointed at to each record once that the viewer may see', async () => {
      const links = [
        { path: 'reply.parent.uri', target: ROOT },
        { path: 'reply.root.uri', target: ROOT },
      ]
      const did = await actorWith(
        entry('b', '', { links, boundaries: [boundary('a')] }),
        entry('a', '', { links }),
        entry('c', '', { links: [{ path: 'subject', target: `${ROOT}x` }] }),
      )
      const linking = (ofViewer: ReadScope, limit = 10) =>
        read(did, async (records) =>
          (await records.listLinking(ROOT, ofViewer, limit)).map(({ rkey }) => rkey),
        )
      expect(await linking(FULL_SCOPE)).toEqual(['a', 'b'])
      expect(await linking(FULL_SCOPE, 1)).toEqual(['a'])
      expect(await linking(scope('a'))).toEqual(['b'])
      expect(await linking(scope())).toEqual([])
    })
  })
}

function listing(more: Partial<RecordListing> = {}): RecordListing {
  return {
    collection: COLLECTION,
    scope: FULL_SCOPE,
    limit: 100,
    maxBytes: 1_000_000,
    ascending: true,
    ...more,
  }
}
