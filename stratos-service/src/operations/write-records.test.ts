import { cidForRawBytes, type LexMap } from '@atproto/lex-data'
import { FULL_SCOPE, formatAtUri, parseNsid, parseRkey, type Did, type UserViewer } from 'stratos-core'
import { newDid } from 'stratos-core/testing'
import { expect, it } from 'vitest'
import { describeEachDatabase, type Database } from '../../tests/_util/databases.ts'
import { KeyedLock } from '../limits/keyed-lock.ts'
import { initRepo } from './init-repo.ts'
import { PrepareWrites } from './prepare-writes.ts'
import { WriteRecords } from './write-records.ts'

const SERVICE = 'did:web:stratos.example'
const NOTE = parseNsid('zone.stratos.test.note')
const RATE = { maxWrites: 1_000, windowMs: 1_000, cooldownMs: 0, cooldownJitterMs: 0 }

function setUp({ storage }: Database) {
  const { actors } = storage
  const policy = { serviceDid: SERVICE, serviceBoundaries: new Set([`${SERVICE}/a`]), extraCollections: [] }
  const writes = new WriteRecords({
    actors,
    prepare: new PrepareWrites({ actors, policy, nowMs: Date.now, clockId: 0 }),
    rate: storage.writeRateLimiter(RATE),
    lock: new KeyedLock(),
    stubs: null,
    nowMs: Date.now,
  })
  const viewer = (did: Did): UserViewer => ({
    kind: 'user',
    did,
    enrolled: true,
    boundaries: new Set([`${SERVICE}/a`]),
  })
  const put = async (did: Did, rkey: string, record: LexMap) =>
    writes.write(
      viewer(did),
      did,
      [{ action: 'put', collection: NOTE, rkey: parseRkey(rkey), record: { $type: NOTE, ...record } }],
      {},
    )
  const remove = async (did: Did, rkey: string) =>
    writes.write(viewer(did), did, [{ action: 'delete', collection: NOTE, rkey: parseRkey(rkey) }], {})
  return { actors, put, remove }
}

describeEachDatabase('Writing records', (database) => {
  it('indexes the blobs and links of the newest version, and forgets them with the record', async () => {
    const { actors, put, remove } = setUp(database())
    const did = newDid()
    await initRepo(actors, did, Date.now())
    const target = formatAtUri({ did: newDid(), collection: NOTE, rkey: parseRkey('a') })
    const [one, two] = await Promise.all(['one', 'two'].map((text) => cidForRawBytes(Buffer.from(text))))
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
    await initRepo(actors, did, Date.now())
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
})
