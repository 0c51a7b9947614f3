import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { BlockMap, blocksToCarFile, readCarWithRoot } from '@atproto/repo'
import { decode, encode } from '@atproto/lex-cbor'
import { CBOR_DATA_CODEC, createCid, SHA256_HASH_CODE, type Cid, type LexMap } from '@atproto/lex-data'
import { AtpAgent } from '@atproto/api'
import { ProofClient, waitUntil } from 'test-network'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decodeCommitEvent } from '../src/operations/commit-event.ts'
import { archiveOf, type Records } from './_util/archive.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { exportCar, readOffline } from './_util/offline.ts'
import { POST, post } from './_util/post.ts'

const MAX_BYTES = 4_000_000
const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_WRITE_RATE_MAX_WRITES: '100000',
    STRATOS_IMPORT_MAX_BYTES: String(MAX_BYTES),
  },
})
const IMPORT = 'zone.stratos.repo.importRepo'
const CAR = 'application/vnd.ipld.car'
const NOTE = 'zone.stratos.test.note'

let alice: ProofClient
let did: string

beforeAll(async () => {
  const account = accountOf(network(), 'alice')
  did = account.did
  alice = await ProofClient.signIn(network(), account)
})

/** A key of a post, in ascending order. */
const tid = (n: number) =>
  `3jzfcijpj2${'234567abcdefghijklmnopqrstuvwxyz'.charAt(Math.floor(n / 32))}${'234567abcdefghijklmnopqrstuvwxyz'.charAt(n % 32)}a`

const own = (text: string, names = ['general']) => post(network().serviceDid, text, names)

function posts(count: number): Records {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`${POST}/${tid(n)}`, own(`post ${n}`)]))
}

const importCar = (car: Uint8Array, params: Record<string, string | string[]> = {}) =>
  alice.call('POST', IMPORT, { body: Buffer.from(car), params, headers: { 'content-type': CAR } })

async function listAll(collection = POST) {
  const found: { uri: string; cid: string; value: { text?: string } }[] = []
  for (let cursor: string | undefined; ;) {
    const params = { repo: did, collection, limit: 100, cursor }
    const { body } = await alice.call('GET', 'com.atproto.repo.listRecords', { params })
    found.push(...body.records)
    cursor = body.cursor
    if (cursor === undefined) return found
  }
}

async function emptyRepo() {
  for (const collection of [POST, NOTE]) {
    const keys = (await listAll(collection)).map(({ uri }) => uri.split('/').at(-1))
    for (let at = 0; at < keys.length; at += 200) {
      const writes = keys.slice(at, at + 200).map((rkey) => ({ action: 'delete', collection, rkey }))
      const { status } = await alice.call('POST', 'zone.stratos.repo.applyWrites', {
        body: { repo: did, writes },
      })
      expect(status).toBe(200)
    }
  }
}

afterEach(emptyRepo)

describe('importing an export of the same service', () => {
  it('IMP-001: every record comes back under its key with its CID, signed anew', async () => {
    const before = await importCar(await archiveOf(did, posts(410)))
    expect(before.body).toEqual({ imported: 410, skipped: [], skippedCount: 0 })
    const listed = await listAll()
    await network().stopService()
    const car = await readOffline(network(), did, exportCar)
    await network().restartService()
    await emptyRepo()

    const { status, body } = await importCar(car, { source: network().serviceDid })
    expect([status, body]).toEqual([200, { imported: 410, skipped: [], skippedCount: 0 }])
    expect(await listAll()).toEqual(listed)
    await network().stopService()
    const again = await readOffline(network(), did, exportCar)
    await network().restartService()
    const [first, second] = await Promise.all([readCarWithRoot(car), readCarWithRoot(again)])
    const [commit, next] = [first, second].map(
      ({ root, blocks }) => decode(blocks.get(root) ?? Buffer.alloc(0)) as LexMap,
    )
    expect(String(next?.data)).toBe(String(commit?.data))
    expect(String(next?.rev) > String(commit?.rev)).toBe(true)
  })

  it('IMP-021: it appears as commits of at most 200 records without a gap, and as stubs on the PDS', async () => {
    await network().stopService()
    const seq = await readOffline(network(), did, ({ events }) => events.latestSeq())
    await network().restartService()
    await importCar(await archiveOf(did, posts(410)))
    await network().stopService()
    const events = await readOffline(network(), did, ({ events }) => events.listAfter(seq, 100))
    await network().restartService()
    expect(events.map((event) => event.seq)).toEqual([seq + 1, seq + 2, seq + 3])
    const commits = events.map(({ body }) => decodeCommitEvent(body))
    expect(commits.map(({ ops }) => ops.length)).toEqual([200, 200, 10])
    expect(commits.map(({ rev }) => rev)).toEqual(commits.map(({ rev }) => rev).toSorted())
    expect(new Set(commits.map(({ commit }) => commit.toString())).size).toBe(3)

    const pds = new AtpAgent({ service: network().pdsUrl })
    await waitUntil('a stub', async () => {
      const { data } = await pds.com.atproto.repo
        .getRecord({ repo: did, collection: POST, rkey: tid(9) })
        .catch(() => ({ data: null }))
      return data !== null && !JSON.stringify(data).includes('post 9')
    })
  })

  it('a thread comes with its beginning, in whatever order its keys are', async () => {
    const root = {
      uri: `at://${did}/${POST}/${tid(5)}`,
      cid: 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm',
    }
    const reply = { ...own('reply'), reply: { parent: root, root } }
    const { body } = await importCar(
      await archiveOf(did, { [`${POST}/${tid(1)}`]: reply, [`${POST}/${tid(5)}`]: own('root') }),
    )
    expect(body).toEqual({ imported: 2, skipped: [], skippedCount: 0 })
  })

  it('an export without records changes nothing', async () => {
    expect((await importCar(await archiveOf(did, {}))).body).toEqual({
      imported: 0,
      skipped: [],
      skippedCount: 0,
    })
  })

  it('a repo that has a record is refused', async () => {
    await importCar(await archiveOf(did, posts(1)))
    const { status, body } = await importCar(await archiveOf(did, posts(2)))
    expect([status, body.error]).toEqual([400, 'RepoAlreadyExists'])
  })
})

describe('importing from another service', () => {
  const OTHER = 'did:web:other.example'
  const foreign = (text: string) => ({ ...post(OTHER, text, ['staff']) })

  it('boundaries are translated as asked', async () => {
    const map = [`${OTHER}/staff=${network().serviceDid}/writers`]
    const { body } = await importCar(await archiveOf(did, { [`${POST}/${tid(1)}`]: foreign('hello') }), {
      map,
    })
    expect(body.imported).toBe(1)
    const [record] = await listAll()
    expect(record?.value).toMatchObject({
      text: 'hello',
      boundary: { values: [{ value: `${network().serviceDid}/writers` }] },
    })
  })

  it('a record behind a boundary that is not translated is refused, and nothing stays', async () => {
    const car = await archiveOf(did, {
      [`${POST}/${tid(1)}`]: own('mine'),
      [`${POST}/${tid(2)}`]: foreign('theirs'),
    })
    const { status, body } = await importCar(car)
    expect([status, body.error]).toEqual([400, 'ServiceMismatch'])
    expect(body.message).toContain(tid(2))
    expect(await listAll()).toEqual([])
  })

  it('or left out and listed, if asked', async () => {
    const lost = `at://did:plc:somebodyelse/${POST}/${tid(9)}`
    const end = { uri: lost, cid: 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm' }
    const car = await archiveOf(did, {
      [`${POST}/${tid(1)}`]: own('mine'),
      [`${POST}/${tid(2)}`]: foreign('theirs'),
      [`${POST}/${tid(3)}`]: { ...own('a reply'), reply: { root: end, parent: end } },
    })
    const { body } = await importCar(car, { onForeign: 'skip' })
    expect([body.imported, body.skippedCount]).toEqual([1, 2])
    expect(body.skipped.map(({ uri }: { uri: string }) => uri)).toEqual(
      [2, 3].map((n) => `at://${did}/${POST}/${tid(n)}`),
    )
    expect((await listAll()).map(({ value }) => value.text)).toEqual(['mine'])
  })

  it('a boundary may only be translated to one of the author', async () => {
    for (const to of [`${OTHER}/x`, `${network().serviceDid}/no-such`, 'x']) {
      const { status } = await importCar(await archiveOf(did, {}), { map: [`${OTHER}/staff=${to}`] })
      expect(status).toBe(400)
    }
  })

  it('IMP-005: with a source, the commit must be signed with the key that the account publishes for it', async () => {
    const car = await archiveOf(did, posts(1))
    for (const source of [network().serviceDid, OTHER]) {
      const { status, body } = await importCar(car, { source })
      expect([status, body.error]).toEqual([400, 'InvalidCar'])
    }
  })
})

describe('what is no acceptable export', () => {
  it.each<[string, string, object, string]>([
    [
      'no boundary',
      `${POST}/${tid(1)}`,
      { $type: POST, text: 'x', createdAt: '2026-01-01T00:00:00Z' },
      'InvalidRecord',
    ],
    [
      'a foreign collection',
      'app.bsky.feed.post/aaa',
      { $type: 'app.bsky.feed.post', text: 'x' },
      'InvalidCollection',
    ],
    ['another $type than its collection', `${NOTE}/a`, { $type: 'zone.stratos.test.other' }, 'InvalidRecord'],
    ['a key that its lexicon forbids', `${POST}/not-a-tid`, { text: 'x' }, 'InvalidRequest'],
    ['a text that is too long', `${POST}/${tid(1)}`, { text: 'x'.repeat(3001) }, 'InvalidRecord'],
    ['a stub', `${POST}/${tid(1)}`, { source: { vary: 'unauthenticated' } }, 'InvalidRecord'],
  ])('IMP-003: a record with %s is refused whatever is skipped', async (_what, key, change, error) => {
    const base = key.startsWith(POST) && !('createdAt' in change) ? own('text') : {}
    const car = await archiveOf(did, { ...posts(3), [key.replace(tid(1), tid(40))]: { ...base, ...change } })
    const { status, body } = await importCar(car, { onForeign: 'skip' })
    expect([status, body.error]).toEqual([400, error])
    expect(await listAll()).toEqual([])
  })

  it('the repo of somebody else is refused', async () => {
    const { status, body } = await importCar(await archiveOf(accountOf(network(), 'bob').did, posts(1)))
    expect([status, body.error]).toEqual([400, 'InvalidCar'])
  })

  it('an export in which any byte was changed is refused', async () => {
    const car = await archiveOf(did, posts(20))
    for (let at = 0; at < car.length; at += 97) {
      const bad = Buffer.from(car)
      bad[at] = (bad[at] ?? 0) ^ 1
      const { status, body } = await importCar(bad)
      expect([status, body.error, at]).toEqual([400, 'InvalidCar', at])
    }
  })

  it.each(['zzzzzzzzzzzzz', '', '2222222222222', 7, null])(
    'IMP-007: a commit with the rev %j gets one of the service',
    async (rev) => {
      const car = await readCarWithRoot(Uint8Array.from(await archiveOf(did, posts(2))))
      const commit = { ...(decode(car.blocks.get(car.root) ?? Buffer.alloc(0)) as LexMap), rev }
      const { status, body } = await importCar(await repacked(car.blocks, commit))
      expect([status, body.imported]).toEqual([200, 2])
      const write = { repo: did, collection: POST, record: own('next') }
      const { body: next } = await alice.call('POST', 'com.atproto.repo.createRecord', { body: write })
      expect(next.commit.rev < 'zzz' && next.commit.rev > '3').toBe(true)
    },
  )

  it('IMP-009: what decodes to far more than its size is refused', async () => {
    const bomb = Buffer.from('9a01ffffff'.repeat(4), 'hex')
    const [commit, tree] = [await repacked(new BlockMap(), bomb), new BlockMap()]
    const root = cidOf(bomb)
    tree.set(root, bomb)
    const asTree = await repacked(tree, {
      did,
      version: 3,
      rev: '3jzfcijpj2z2a',
      data: root,
      prev: null,
      sig: Buffer.alloc(64),
    })
    for (const car of [commit, asTree, Buffer.from('3aa265726f6f74738a'.repeat(3), 'hex')]) {
      const { status, body } = await importCar(car)
      expect([status, body.error]).toEqual([400, 'InvalidCar'])
    }
  })

  it('IMP-011: one record under many keys counts each time', async () => {
    const note = { $type: NOTE, text: 'x'.repeat(200_000) }
    const car = await archiveOf(
      did,
      Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`${NOTE}/key${n}`, note])),
    )
    expect(car.length).toBeLessThan(MAX_BYTES / 10)
    const { status, body } = await importCar(car)
    expect([status, body.error]).toEqual([400, 'InvalidCar'])
    expect(body.message).toContain('together')
  })

  it('IMP-015: blocks that belong to nothing are not kept', async () => {
    const car = await readCarWithRoot(Uint8Array.from(await archiveOf(did, posts(2))))
    for (let n = 0; n < 500; n += 1) {
      const bytes = encode({ n })
      car.blocks.set(cidOf(bytes), bytes)
    }
    expect((await importCar(Buffer.from(await blocksToCarFile(car.root, car.blocks)))).body.imported).toBe(2)
    await network().stopService()
    // Looks for blocks that the head does not reach.
    await readOffline(network(), did, exportCar)
    await network().restartService()
  })

  it('IMP-019: an upload that breaks off leaves nothing, and can be repeated', async () => {
    const car = await archiveOf(did, posts(60))
    await breakOff(car)
    await waitUntil('the end of the import that broke off', async () => (await importCar(car)).status === 200)
  })

  it('a JSON body or none is refused', async () => {
    for (const body of [{}, undefined]) expect((await alice.call('POST', IMPORT, { body })).status).toBe(400)
  })
})

it('IMP-017: a service killed while it imports has all of it afterwards, or nothing', async () => {
  const car = await archiveOf(did, posts(900))
  for (let kill = 0; kill < 3; kill += 1) {
    const answered = importCar(car).catch(() => null)
    const wait = Promise.withResolvers<void>()
    setTimeout(wait.resolve, 40 + kill * 100)
    await Promise.race([answered, wait.promise])
    await network().restartService('SIGKILL')
    const answer = await answered
    const count = (await listAll()).length
    expect(answer?.status === 200 ? [900] : [0, 900]).toContain(count)
    await network().stopService()
    await readOffline(network(), did, exportCar)
    await network().restartService()
    if (count > 0) await emptyRepo()
  }
}, 120_000)

/** The blocks with another commit. */
async function repacked(blocks: BlockMap, commit: LexMap | Buffer): Promise<Buffer> {
  const bytes = Buffer.isBuffer(commit) ? commit : encode(commit)
  const root = cidOf(bytes)
  const all = new BlockMap()
  all.addMap(blocks)
  all.set(root, bytes)
  return Buffer.from(await blocksToCarFile(root, all))
}

function cidOf(bytes: Uint8Array): Cid {
  return createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, createHash('sha256').update(bytes).digest())
}

/** Sends half of an upload and closes the connection. */
async function breakOff(car: Buffer): Promise<void> {
  await alice.call('GET', 'com.atproto.repo.listRecords', { params: { repo: did, collection: POST } })
  const url = alice.url(IMPORT)
  const headers = {
    authorization: `DPoP ${alice.token}`,
    dpop: alice.proof('POST', url),
    'content-type': CAR,
    'content-length': car.length,
  }
  await new Promise<void>((resolve) => {
    const req = request(url, { method: 'POST', headers })
    req.on('error', () => resolve())
    req.write(car.subarray(0, car.length / 2), () => setTimeout(() => req.destroy(), 200))
  })
}
