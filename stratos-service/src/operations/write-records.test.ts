import { decode } from '@atproto/lex-cbor'
import { cidForRawBytes, type LexMap } from '@atproto/lex-data'
import { FULL_SCOPE, formatAtUri, parseNsid, parseRkey, type Did, type UserViewer } from 'stratos-core'
import { collectRepoBlocks } from 'stratos-core/repo'
import { newDid } from 'stratos-core/testing'
import { describe, expect, it } from 'vitest'
import { describeEachDatabase, type Database } from '../../tests/_util/databases.ts'
import { KeyedLock } from '../limits/keyed-lock.ts'
import { MemoryWriteRateLimiter } from '../limits/write-rate-limiter.ts'
import { initRepo } from './init-repo.ts'
import { Members } from './members.ts'
import { PrepareWrites } from './prepare-writes.ts'
import { VisibleReferences } from './visible-references.ts'
import { WriteBudget } from './write-budget.ts'
import { WriteRecords } from './write-records.ts'
import type { WriteOptions } from './writes.ts'

const SERVICE = 'did:web:stratos.example'
const NOTE = parseNsid('zone.stratos.test.note')
const RATE = { maxWrites: 1_000, windowMs: 1_000, cooldownMs: 0, cooldownJitterMs: 0 }

function setUp({ storage }: Database) {
  const { actors } = storage
  const policy = { serviceDid: SERVICE, serviceBoundaries: new Set([`${SERVICE}/a`]), extraCollections: [] }
  const references = new VisibleReferences({ actors, serviceBoundaries: policy.serviceBoundaries })
  const writes = new WriteRecords({
    actors,
    prepare: new PrepareWrites({ references, policy, nowMs: Date.now, clockId: 0 }),
    budget: new WriteBudget({
      writes: storage.writeRateLimiter(RATE),
      failures: new MemoryWriteRateLimiter(RATE, Date.now),
    }),
    lock: new KeyedLock(),
    members: new Members({ find: async () => ({ boundaries: new Set([`${SERVICE}/a`]) }) }),
    stubs: null,
    blobs: { mark: async () => undefined, wake: () => undefined },
    nowMs: Date.now,
  })
  const viewer = (did: Did): UserViewer => ({
    kind: 'user',
    did,
    enrolled: true,
    boundaries: new Set([`${SERVICE}/a`]),
  })
  const write = async (
    did: Did,
    action: 'create' | 'put',
    rkey: string,
    record: LexMap,
    options: WriteOptions = {},
  ) =>
    writes.write(
      viewer(did),
      did,
      [{ action, collection: NOTE, rkey: parseRkey(rkey), record: { $type: NOTE, ...record } }],
      options,
    )
  const put = (did: Did, rkey: string, record: LexMap) => write(did, 'put', rkey, record)
  const remove = async (did: Did, rkey: string) =>
    writes.write(viewer(did), did, [{ action: 'delete', collection: NOTE, rkey: parseRkey(rkey) }], {})
  return { actors, write, put, remove }
}

describeEachDatabase('Writing records', (database) => {
  it('indexes the blobs and links of the newest version, and forgets them with the record', async () => {
    const { actors, put, remove } = setUp(database())
    const did = newDid()
    await initRepo(actors, did, { nowMs: Date.now(), afterSeq: 0 })
    const target = formatAtUri({ did: newDid(), collection: NOTE, rkey: parseRkey('a') })
    const [one, two] = await Promise.all(['one', 'two'].map((text) => cidForRawBytes(Buffer.from(text))))
    for (const cid of [one, two].map(String)) {
      const upload = { cid, mimeType: 'image/png', size: 3, temporaryKey: cid, keepUntilMs: 0 }
      await actors.transact(did, ({ blobs }) => blobs.keep(upload))
    }
    const blob = (ref: typeof one): LexMap => ({ $type: 'blob', ref: ref!, mimeType: 'image/png', size: 3 })
    const indexed = () =>
      actors.read(did, async ({ records }) => ({
        blobs: await records.filterReferencedBlobs([String(one), String(two)], FULL_SCOPE),
        links: (await records.listLinking(target, FULL_SCOPE, 10)).map(({ rkey }) => rkey),
      }))

    await put(did, 'note', { image: blob(one), subject: target })
    await put(did, 'other', { subject: { uri: target, cid: String(one) } })
    expect(await indexed()).toEqual({ blobs: new Set([String(one)]), links: ['note', 'other'] })
    await put(did, 'note', { images: [blob(two)] })
    expect(await indexed()).toEqual({ blobs: new Set([String(two)]), links: ['other'] })
    await remove(did, 'note')
    await remove(did, 'other')
    expect(await indexed()).toEqual({ blobs: new Set(), links: [] })
  })

  it('keeps a block for as long as one of several equal records has it', async () => {
    const { actors, put, remove } = setUp(database())
    const did = newDid()
    await initRepo(actors, did, { nowMs: Date.now(), afterSeq: 0 })
    const cids: string[] = []
    for (const rkey of ['a', 'b']) {
      const { results } = await put(did, rkey, { text: 'the same' })
      cids.push(results[0]?.cid ?? '')
    }
    expect(new Set(cids).size).toBe(1)
    const find = () => actors.read(did, ({ repo }) => repo.findBlock(cids[0] ?? ''))
    await remove(did, 'a')
    expect(await find()).not.toBeNull()
    await put(did, 'b', { text: 'another' })
    expect(await find()).toBeNull()
  })

  describe('by two that do not know of each other', () => {
    const NOTES = Array.from({ length: 40 }, (_, index) => `note${index}`)

    async function setUpTwo() {
      const [one, two] = [setUp(database()), setUp(database())]
      const did = newDid()
      await initRepo(one.actors, did, { nowMs: Date.now(), afterSeq: 0 })
      // Both remember the repo as it is now.
      for (const rkey of NOTES) await one.put(did, rkey, { text: 'first' })
      await two.put(did, 'mine', { text: 'two' })
      return { one, two, did }
    }

    it('ends in a repo with what both have written', async () => {
      const { one, two, did } = await setUpTwo()
      for (const [index, rkey] of NOTES.entries()) {
        await (index % 3 === 0 ? one : two).put(did, rkey, { text: 'second' })
        if (index % 5 === 0) await (index % 2 === 0 ? one : two).remove(did, rkey)
      }
      const { read, live } = await one.actors.read(did, async ({ repo, records }) => {
        const head = await repo.findHead()
        const live: string[] = []
        for await (const some of collectRepoBlocks(repo, head!.cid))
          live.push(...some.map(({ cid }) => cid.toString()))
        const keys = NOTES.map((rkey) => ({ collection: NOTE, rkey: parseRkey(rkey) }))
        return { live, read: await records.findMany(keys, FULL_SCOPE) }
      })
      expect(read).toHaveLength(NOTES.length - 8)
      for (const { bytes } of read) expect(decode(bytes)).toMatchObject({ text: 'second' })
      const stored = await one.actors.read(did, ({ repo }) => repo.listBlocks('', 1_000))
      expect(stored.map(({ cid }) => cid).sort()).toEqual(live.sort())
    })

    it('refuses nothing, and lets nothing through, because of what is not true any more', async () => {
      const { one, two, did } = await setUpTwo()
      await one.remove(did, 'note1')
      await two.write(did, 'create', 'note1', { text: 'created by two' })
      await expect(one.write(did, 'create', 'note1', {})).rejects.toMatchObject({
        code: 'RecordAlreadyExists',
      })

      const { commit } = await one.put(did, 'note2', { text: 'one' })
      await two.write(did, 'put', 'note2', { text: 'two' }, { swapCommit: commit!.cid })
      const stale = one.write(did, 'put', 'note2', { text: 'late' }, { swapCommit: commit!.cid })
      await expect(stale).rejects.toMatchObject({ code: 'InvalidSwap' })

      await one.put(did, 'note3', { text: 'one' })
      await two.remove(did, 'note3')
      expect((await one.put(did, 'note3', { text: 'one' })).commit).toBeDefined()
      expect((await two.remove(did, 'note3')).commit).toBeDefined()
      expect((await one.remove(did, 'note3')).commit).toBeUndefined()
    })

    it('notices that the repo was destroyed and made anew', async () => {
      const { one, two, did } = await setUpTwo()
      await two.actors.destroy(did)
      await expect(one.put(did, 'note1', {})).rejects.toMatchObject({ code: 'RepoNotFound' })
      await initRepo(two.actors, did, { nowMs: Date.now(), afterSeq: 0 })
      expect((await one.write(did, 'create', 'note1', {})).commit).toBeDefined()
    })
  })
})
