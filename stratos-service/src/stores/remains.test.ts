import { newActor, newDid } from 'stratos-core/testing'
import { parseNsid, parseRkey, type Boundary, type Did } from 'stratos-core'
import { cidForRawBytes } from '@atproto/lex-data'
import { encode } from '@atproto/lex-cbor'
import { expect, it } from 'vitest'
import { describeEachDatabase, type Database } from '../../tests/_util/databases.ts'
import { bytesOfFiles } from '../../tests/_util/remains.ts'

/** Everything that is stored, as bytes. */
async function storedBytes(database: Database): Promise<Buffer> {
  return Buffer.concat([await bytesOfFiles(database.directory), Buffer.from(await database.dump(), 'latin1')])
}

interface Traces {
  readonly did: Did
  /** What an actor leaves in each kind of place. */
  readonly canaries: ReadonlyMap<string, Buffer>
}

async function leaveTraces({ storage }: Database, word: string): Promise<Traces> {
  const { actors, backlog } = storage
  const did = await newActor(actors)
  const text = (place: string) => `${word}-${place}`
  const content = encode({ text: text('block') })
  const cid = String(await cidForRawBytes(content))
  const blob = String(await cidForRawBytes(Buffer.from(text('blob'))))
  const target = `at://${newDid()}/zone.stratos.feed.post/${text('link')}`
  await actors.transact(did, async ({ repo, records, events, stubs }) => {
    const head = await repo.findHead()
    if (head === null) throw new Error('there is no head')
    await records.apply({
      created: [
        {
          collection: parseNsid('zone.stratos.feed.post'),
          rkey: parseRkey(text('rkey')),
          cid,
          rev: head.rev,
          boundaries: [`did:web:x/${text('boundary')}` as Boundary],
          blobs: [blob],
          links: [{ path: 'subject', target }],
        },
      ],
      updated: [],
      deleted: [],
    })
    await repo.applyCommit(head, head, { added: new Map([[cid, content]]), removed: [], removedRecords: [] })
    await events.append(Buffer.from(text('event')), 0)
    await stubs.put([{ key: text('job'), payload: text('payload') }], 0)
  })
  await backlog.add(did)
  await storage
    .writeRateLimiter({ maxWrites: 9, windowMs: 9, cooldownMs: 9, cooldownJitterMs: 9 })
    .charge(did, 1)
  const key = await actors.signingKey(did)
  if (!('export' in key) || typeof key.export !== 'function') throw new Error('the key cannot be exported')
  const secret = Buffer.from(await key.export())
  const places = ['block', 'rkey', 'boundary', 'link', 'event', 'job', 'payload']
  const canaries = new Map(places.map((place) => [place, Buffer.from(text(place))]))
  return {
    did,
    canaries: new Map([
      ...canaries,
      ['DID', Buffer.from(did)],
      ['CID', Buffer.from(cid)],
      ['blob', Buffer.from(blob)],
      ['signing key', secret],
    ]),
  }
}

const found = (bytes: Buffer, { canaries }: Traces): string[] =>
  [...canaries].filter(([, canary]) => bytes.includes(canary)).map(([place]) => place)

describeEachDatabase('A destroyed actor', (database) => {
  it('leaves no trace in any file, log, table or schema, and others lose nothing', async () => {
    const victim = await leaveTraces(database(), 'xylophone')
    const bystander = await leaveTraces(database(), 'marmalade')
    const everywhere = [...victim.canaries.keys()]
    const before = await storedBytes(database())
    expect(found(before, victim)).toEqual(everywhere)

    await database().storage.actors.destroy(victim.did)
    const after = await storedBytes(database())
    expect(found(after, victim)).toEqual([])
    expect(after.includes('xylophone')).toBe(false)
    expect(found(after, bystander)).toEqual(everywhere)
  })
})
