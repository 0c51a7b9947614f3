import * as atcuteCrypto from '@atcute/crypto'
import * as atcuteRepo from '@atcute/repo'
import {
  blocksToCarFile,
  readCar,
  readCarWithRoot,
  verifyProofs,
  verifyRecords,
  verifyRepo,
} from '@atproto/repo'
import { parseCid } from '@atproto/lex-data'
import { ProofClient, sendRequest, serviceJwt, waitUntil, type Account, type Answer } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAppView, type AppView } from './_util/appview.ts'
import { comparable } from './_util/comparable.ts'
import { damageBlock } from './_util/damage-block.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { seededRandom } from './_util/random.ts'

let appview: AppView
const network = useNetwork(async () => {
  appview = await startAppView()
  return {
    enrolled: true,
    serviceEnv: {
      STRATOS_ALLOWED_APPVIEWS: appview.did,
      STRATOS_EXTRA_COLLECTIONS: 'com.example.*',
      STRATOS_WRITE_RATE_MAX_WRITES: '100000',
    },
  }
})
afterAll(() => appview.close())

type Name = 'alice' | 'bob' | 'carol' | 'eve'
const clients = {} as Record<Name, ProofClient>
let alice: Account
const MISSING = '3kaaaaaaaaaa2'

beforeAll(async () => {
  const net = network()
  alice = accountOf(net, 'alice')
  const eve = await net.createAccount('eve-stranger.test')
  const accounts = { alice, bob: accountOf(net, 'bob'), carol: accountOf(net, 'carol'), eve }
  for (const [name, account] of Object.entries(accounts))
    clients[name as Name] = await ProofClient.signIn(net, account)
})

interface Made {
  readonly uri: string
  readonly cid: string
  readonly rkey: string
}

async function write(client: ProofClient, did: string, record: object, collection = POST): Promise<Made> {
  const body = { repo: did, collection, record }
  const answer = await client.call('POST', 'com.atproto.repo.createRecord', { body })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  return { uri: answer.body.uri, cid: answer.body.cid, rkey: answer.body.uri.split('/').at(-1) }
}

const byAlice = (text: string, names: readonly string[]) =>
  write(clients.alice, alice.did, post(network().serviceDid, text, names))

const get = (who: Name, nsid: string, params: Record<string, string | number | boolean>) =>
  clients[who].call('GET', nsid, { params })

const prove = (who: Name, rkey: string) =>
  get(who, 'com.atproto.sync.getRecord', { did: alice.did, collection: POST, rkey })

async function newAuthor(handle: string, names: readonly string[]) {
  const net = network()
  const account = await net.createAccount(handle)
  await net.enroll(account)
  await net.setBoundaries(account.did, names)
  return { did: account.did, client: await ProofClient.signIn(net, account) }
}

async function keyOf(did: string): Promise<string> {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`
  return (await sendRequest('GET', url)).body.signingKey
}

const bytesOf = (answer: Answer) => Uint8Array.from(answer.bytes)

async function verifyWithAtcute(carBytes: Uint8Array<ArrayBuffer>, rkey: string) {
  const { publicKeyBytes } = atcuteCrypto.parseDidKey(await keyOf(alice.did))
  const publicKey = await atcuteCrypto.P256PublicKey.importRaw(publicKeyBytes)
  const did = alice.did as `did:plc:${string}`
  return atcuteRepo.verifyRecord({ did, collection: POST, rkey, publicKey, carBytes })
}

describe('a record that the viewer may not see', () => {
  it('BND-001 BND-003: is answered as a missing one, to members, strangers and nobody in particular', async () => {
    const hidden = await byAlice('behind writers', ['writers'])
    for (const nsid of ['com.atproto.repo.getRecord', 'zone.stratos.repo.getRecord']) {
      for (const who of ['carol', 'eve'] as const) {
        const at = (rkey: string) => get(who, nsid, { repo: alice.did, collection: POST, rkey })
        const [seen, missing] = [await at(hidden.rkey), await at(MISSING)]
        expect([seen.status, seen.body.error]).toEqual([404, 'RecordNotFound'])
        expect(comparable(seen)).toEqual(comparable(missing))
      }
      const anonymously = (repo: string, rkey: string) =>
        sendRequest('GET', clients.bob.url(nsid, { repo, collection: POST, rkey }))
      const answers = [
        await anonymously(alice.did, hidden.rkey),
        await anonymously(alice.did, MISSING),
        await anonymously('did:plc:44ybard66vv44zksje25o7dz', MISSING),
      ]
      expect(answers[0]?.status).toBe(404)
      expect(comparable(answers[0]!)).toEqual(comparable(answers[1]!))
      expect(comparable(answers[0]!)).toEqual(comparable(answers[2]!))
    }
  })

  it('BND-005: is answered as a missing one when it was deleted, to everybody', async () => {
    const made = await byAlice('soon gone', ['general'])
    const body = { repo: alice.did, collection: POST, rkey: made.rkey }
    await clients.alice.call('POST', 'com.atproto.repo.deleteRecord', { body })
    for (const who of ['alice', 'bob', 'carol'] as const) {
      const at = (rkey: string) => get(who, 'com.atproto.repo.getRecord', { ...body, rkey })
      expect(comparable(await at(made.rkey))).toEqual(comparable(await at(MISSING)))
      expect(comparable(await prove('carol', made.rkey))).toEqual(comparable(await prove('carol', MISSING)))
    }
  })

  it('BND-007: has one address; other spellings of its repo are refused', async () => {
    const made = await byAlice('one address', ['general'])
    const spellings = [`../a3/${alice.did}`, `${alice.did}/`, `${alice.did}#x`, `${alice.did} `]
    for (const repo of spellings) {
      const params = { repo, collection: POST, rkey: made.rkey }
      expect((await get('bob', 'com.atproto.repo.getRecord', params)).status, repo).toBe(400)
    }
    // DIDs as well, but of somebody else.
    for (const repo of [`${alice.did}%2F`, alice.did.replace('plc:', 'plc:A'), alice.did.toUpperCase()]) {
      const params = { repo, collection: POST, rkey: made.rkey }
      expect([400, 404]).toContain((await get('bob', 'com.atproto.repo.getRecord', params)).status)
    }
  })

  it('BND-009: does not show in what another author is told who writes the same', async () => {
    const record = post(network().serviceDid, 'the very same words', ['writers'])
    const first = await write(clients.alice, alice.did, record)
    const bobDid = accountOf(network(), 'bob').did
    const body = { repo: bobDid, collection: POST, record }
    const [same, other] = [
      await clients.bob.call('POST', 'com.atproto.repo.createRecord', { body }),
      await clients.bob.call('POST', 'com.atproto.repo.createRecord', {
        body: { ...body, record: { ...record, text: 'other words' } },
      }),
    ]
    expect(same.body.cid).toBe(first.cid)
    expect(Object.keys(same.body)).toEqual(Object.keys(other.body))
  })
})

describe('lists', () => {
  const list = (client: ProofClient, repo: string, params: object = {}) =>
    client.call('GET', 'com.atproto.repo.listRecords', { params: { repo, collection: POST, ...params } })
  const keys = (answer: Answer): string[] =>
    answer.body.records.map(({ uri }: { uri: string }) => uri.split('/').at(-1))

  async function walk(client: ProofClient, repo: string, params: object, between = async () => {}) {
    const pages: string[][] = []
    for (let cursor: string | undefined; ;) {
      const answer = await list(client, repo, { ...params, cursor })
      expect(answer.status).toBe(200)
      pages.push(keys(answer))
      cursor = answer.body.cursor
      if (cursor === undefined) return pages
      await between()
    }
  }

  it('LST-001: fill every page but the last with what the viewer may see, each record once', async () => {
    const author = await newAuthor('interleaved.test', ['general', 'other'])
    const visible: string[] = []
    for (let index = 0; index < 10; index++) {
      const record = post(network().serviceDid, `n${index}`, [index % 2 === 0 ? 'general' : 'other'])
      const { rkey } = await write(author.client, author.did, record)
      if (index % 2 === 1) visible.push(rkey)
    }
    const pages = await walk(clients.carol, author.did, { limit: 3 })
    expect(pages.map((page) => page.length)).toEqual([3, 2])
    expect(pages.flat()).toEqual(visible.toReversed())
    const forward = await walk(clients.carol, author.did, { limit: 3, reverse: true })
    expect(forward.flat()).toEqual(visible)
  })

  it('LST-003: of hidden records only are those of an empty repo and of an unknown one', async () => {
    const author = await newAuthor('hidden-only.test', ['general'])
    await write(author.client, author.did, post(network().serviceDid, 'hidden', ['general']))
    const empty = await newAuthor('nothing-yet.test', ['general'])
    const repos = [author.did, empty.did, 'did:plc:44ybard66vv44zksje25o7dz']
    for (const client of [clients.carol, clients.eve]) {
      const answers = await Promise.all(repos.map((repo) => list(client, repo)))
      for (const answer of answers) expect(comparable(answer)).toEqual(comparable(answers[0]!))
      expect(answers[0]?.body).toEqual({ records: [] })
    }
    for (const repo of repos) {
      const url = clients.bob.url('com.atproto.repo.listRecords', { repo, collection: POST })
      expect((await sendRequest('GET', url)).bytes.toString()).toBe('{"records":[]}')
    }
  })

  it('LST-005: neither lose nor repeat what was there, while others write and delete at random', async () => {
    const random = seededRandom(5)
    const author = await newAuthor('busy.test', ['general', 'other'])
    const { serviceDid } = network()
    const draw = (index: number) => post(serviceDid, `n${index}`, [random() < 0.5 ? 'general' : 'other'])
    const before: { rkey: string; shown: boolean }[] = []
    for (let index = 0; index < 60; index++) {
      const record = draw(index)
      const { rkey } = await write(author.client, author.did, record)
      before.push({ rkey, shown: JSON.stringify(record).includes('/other') })
    }
    const stays = before.filter((_, index) => index % 3 !== 0)
    const goes = before.filter((_, index) => index % 3 === 0)
    let count = 60
    const disturb = async () => {
      await write(author.client, author.did, draw(count++))
      const gone = goes.splice(Math.floor(random() * goes.length), 1)[0]
      const body = { repo: author.did, collection: POST, rkey: gone?.rkey }
      if (gone !== undefined) await author.client.call('POST', 'com.atproto.repo.deleteRecord', { body })
    }
    for (const reverse of [false, true]) {
      const pages = await walk(clients.carol, author.did, { limit: 4, reverse }, disturb)
      const seen = pages.flat()
      expect(new Set(seen).size).toBe(seen.length)
      expect(seen).toEqual(reverse ? seen.toSorted() : seen.toSorted().toReversed())
      for (const { rkey, shown } of stays) expect(seen.includes(rkey), rkey).toBe(shown)
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(4)
    }
  })

  it('LST-007: of what is no collection are refused', async () => {
    const author = alice.did
    expect((await list(clients.bob, author, { collection: 'zone.stratos.test.unknown' })).body).toEqual({
      records: [],
    })
    for (const collection of ['x', '__proto__', `zone.stratos.${'x'.repeat(6_000)}`])
      expect((await list(clients.bob, author, { collection })).status, collection.slice(0, 20)).toBe(400)
    for (const limit of [0, 101, -1, 1.5])
      expect((await list(clients.bob, author, { limit })).status, String(limit)).toBe(400)
  })

  it('go on with their own cursor alone, for whom it was made', async () => {
    const author = await newAuthor('cursors.test', ['general'])
    for (let index = 0; index < 4; index++)
      await write(author.client, author.did, post(network().serviceDid, `n${index}`, ['general']))
    const { cursor } = (await list(clients.bob, author.did, { limit: 2 })).body
    expect((await list(clients.bob, author.did, { limit: 1, cursor })).body.records).toHaveLength(1)
    const misuses: [ProofClient, string, object][] = [
      [clients.alice, author.did, { cursor }],
      [clients.bob, alice.did, { cursor }],
      [clients.bob, author.did, { cursor, reverse: true }],
      [clients.bob, author.did, { cursor, collection: 'zone.stratos.test.other' }],
      [clients.bob, author.did, { cursor: `${cursor}x` }],
      [clients.bob, author.did, { cursor: MISSING }],
    ]
    for (const [client, repo, params] of misuses) {
      const answer = await list(client, repo, params)
      expect([answer.status, answer.body.error], JSON.stringify(params)).toEqual([400, 'InvalidRequest'])
    }
  })

  it('of very large records come in shorter pages, and hydration postpones what is too much', async () => {
    const author = await newAuthor('large.test', ['general'])
    const uris: string[] = []
    for (let index = 0; index < 14; index++) {
      const large = { ...post(network().serviceDid, `n${index}`, ['general']), more: 'x'.repeat(200_000) }
      uris.push((await write(author.client, author.did, large)).uri)
    }
    const pages = await walk(clients.bob, author.did, { limit: 100 })
    expect(pages.length).toBeGreaterThan(2)
    expect(pages.flat()).toHaveLength(14)
    const body = { uris }
    const first = await clients.bob.call('POST', 'zone.stratos.repo.hydrateRecords', { body })
    expect(first.body.notFound).toEqual([])
    const { records, postponed } = first.body
    expect([...records.map(({ uri }: { uri: string }) => uri), ...postponed].toSorted()).toEqual(
      uris.toSorted(),
    )
    expect(postponed.length).toBeGreaterThan(0)
    const rest = await clients.bob.call('POST', 'zone.stratos.repo.hydrateRecords', {
      body: { uris: postponed },
    })
    expect(rest.body.records.map(({ uri }: { uri: string }) => uri)).toEqual(postponed)
  })
})

describe('a description of a repo', () => {
  const describeAs = (who: Name, repo = alice.did) => get(who, 'com.atproto.repo.describeRepo', { repo })

  it('DSC-001: names the collections in which the viewer may see something, and is not there for others', async () => {
    await byAlice('visible', ['general'])
    await write(clients.alice, alice.did, { $type: 'com.example.diary', text: 'mine' }, 'com.example.diary')
    const shown = await describeAs('bob')
    expect(shown.body).toMatchObject({
      did: alice.did,
      handle: alice.handle,
      handleIsCorrect: true,
      collections: [POST],
      didDoc: { id: alice.did },
    })
    expect((await describeAs('alice')).body.collections).toEqual(['com.example.diary', POST])
    expect((await get('bob', 'zone.stratos.repo.describeRepo', { repo: alice.handle })).body).toEqual(
      shown.body,
    )
    const nobody = 'did:plc:44ybard66vv44zksje25o7dz'
    for (const who of ['carol', 'eve'] as const) {
      const answer = await describeAs(who)
      expect([answer.status, answer.body.error]).toEqual([404, 'RepoNotFound'])
      expect(comparable(answer)).toEqual(comparable(await describeAs(who, nobody)))
    }
    const url = clients.bob.url('com.atproto.repo.describeRepo', { repo: alice.did })
    expect((await sendRequest('GET', url)).status).toBe(404)
  })

  it('DSC-003: does not wait for hosts that are dead', async () => {
    const startedAt = performance.now()
    const dead = 'did:web:localhost%3A9'
    expect((await describeAs('bob', dead)).status).toBe(404)
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})

describe('hydration', () => {
  const hydrate = (who: Name, body: object) =>
    clients[who].call('POST', 'zone.stratos.repo.hydrateRecords', { body })
  const urisOf = (answer: Answer): string[] => answer.body.records.map(({ uri }: { uri: string }) => uri)
  let general: Made
  let writers: Made
  let missing: string

  beforeAll(async () => {
    ;[general, writers] = [
      await byAlice('for general', ['general']),
      await byAlice('for writers', ['writers']),
    ]
    missing = `at://${alice.did}/${POST}/${MISSING}`
  })

  it('HYD-001 HYD-007: of one record wants the version that is there, and tells strangers nothing of versions', async () => {
    const one = (who: Name, params: Record<string, string>) =>
      get(who, 'zone.stratos.repo.hydrateRecord', params)
    expect((await one('bob', { uri: general.uri, cid: general.cid })).body).toMatchObject({
      cid: general.cid,
    })
    const wrong = await one('bob', { uri: general.uri, cid: writers.cid })
    expect([wrong.status, wrong.body.error]).toEqual([404, 'RecordNotFound'])
    const pins: Record<string, string>[] = [{ cid: general.cid }, { cid: writers.cid }, {}]
    for (const pin of pins)
      expect(comparable(await one('carol', { uri: general.uri, ...pin }))).toEqual(comparable(wrong))
  })

  it('HYD-003: gives everybody exactly what they may see', async () => {
    const uris = [writers.uri, missing, general.uri]
    for (const who of ['alice', 'bob'] as const) {
      const { body } = await hydrate(who, { uris })
      expect(body).toMatchObject({ notFound: [missing], blocked: [] })
      expect(urisOf({ body } as Answer)).toEqual([writers.uri, general.uri])
    }
    for (const who of ['carol', 'eve'] as const)
      expect((await hydrate(who, { uris })).body).toEqual({ records: [], notFound: uris, blocked: [] })
    const url = clients.bob.url('zone.stratos.repo.hydrateRecords')
    const anonymous = await sendRequest('POST', url, { body: { uris } })
    expect(anonymous.body).toEqual({ records: [], notFound: uris, blocked: [] })
  })

  it('answers an allow-listed AppView for its viewer, and says which are blocked', async () => {
    const uris = [writers.uri, missing, general.uri]
    const viewer = accountOf(network(), 'carol').did
    const nsid = 'zone.stratos.repo.hydrateRecords'
    const ask = (body: object) => appview.call(network(), 'POST', nsid, { body: { uris, ...body } })
    expect((await ask({ viewer })).body).toEqual({
      ...{ records: [], notFound: [missing], blocked: [writers.uri, general.uri] },
    })
    expect(urisOf(await ask({ viewer: accountOf(network(), 'bob').did }))).toEqual([writers.uri, general.uri])
    expect(urisOf(await ask({}))).toEqual([writers.uri, general.uri])
    const one = { params: { uri: general.uri, viewer } }
    const blocked = await appview.call(network(), 'GET', 'zone.stratos.repo.hydrateRecord', one)
    expect([blocked.status, blocked.body.error]).toEqual([404, 'RecordBlocked'])
  })

  it('HYD-005: counts a record whose stored bytes are damaged as missing, and gives the others', async () => {
    const author = await newAuthor('damaged.test', ['general'])
    const made: Made[] = []
    for (let index = 0; index < 100; index++)
      made.push(await write(author.client, author.did, post(network().serviceDid, `n${index}`, ['general'])))
    const poison = made[50]!
    await damageBlock(network(), poison.cid)
    const answer = await hydrate('bob', { uris: made.map(({ uri }) => uri) })
    expect([answer.status, answer.body.notFound]).toEqual([200, [poison.uri]])
    expect(urisOf(answer)).toEqual(made.map(({ uri }) => uri).filter((uri) => uri !== poison.uri))
    const at = (rkey: string) =>
      get('bob', 'com.atproto.repo.getRecord', { repo: author.did, collection: POST, rkey })
    expect(comparable(await at(poison.rkey))).toEqual(comparable(await at(MISSING)))
    const listed = await get('bob', 'com.atproto.repo.listRecords', {
      ...{ repo: author.did, collection: POST, limit: 100 },
    })
    expect([listed.status, listed.body.records.length]).toEqual([200, 99])
    const proven = await hydrate('bob', { uris: made.map(({ uri }) => uri), proof: true })
    expect([proven.status, proven.body.notFound]).toEqual([200, [poison.uri]])
  })

  it('refuses more than a hundred', async () => {
    const answer = await hydrate('bob', { uris: Array.from({ length: 101 }, () => missing) })
    expect([answer.status, answer.body.error]).toEqual([400, 'TooManyUris'])
    const hundred = await hydrate('bob', { uris: Array.from({ length: 100 }, () => missing) })
    expect([hundred.status, hundred.body.notFound]).toEqual([200, [missing]])
  })

  it('proves all records together, with nothing of those that are not returned', async () => {
    const author = await newAuthor('proven.test', ['general', 'other'])
    const uris = [general.uri]
    for (let index = 0; index < 40; index++) {
      const name = index % 4 === 0 ? 'other' : 'general'
      const record = post(network().serviceDid, `canary-${name}-${index}`, [name])
      uris.push((await write(author.client, author.did, record)).uri)
    }
    const { body } = await hydrate('bob', { uris, proof: true })
    expect(body.records).toHaveLength(31)
    const car = Buffer.from(body.proof.$bytes, 'base64')
    expect(car.toString('latin1')).not.toContain('canary-other')
    const { roots, blocks } = await readCar(Uint8Array.from(car))
    expect(roots).toHaveLength(2)
    for (const root of roots) expect(blocks.has(root)).toBe(true)
    // What is said of each repo holds by its own key, whatever else is in the file.
    const repos: [string, (typeof roots)[number] | undefined][] = [
      [alice.did, roots[0]],
      [author.did, roots[1]],
    ]
    for (const [did, root] of repos) {
      const own = await blocksToCarFile(root ?? null, blocks)
      const claims = body.records
        .map((record: { uri: string; cid: string }) => ({ ...record, parts: record.uri.split('/') }))
        .filter(({ parts }: { parts: string[] }) => parts[2] === did)
        .map(({ parts, cid }: { parts: string[]; cid: string }) => ({
          ...{ collection: parts[3], rkey: parts[4], cid: parseCid(cid) },
        }))
      expect(claims.length).toBeGreaterThan(0)
      expect((await verifyProofs(own, claims, did, await keyOf(did))).unverified).toEqual([])
    }
    expect((await hydrate('bob', { uris: [missing], proof: true })).body.proof).toBeUndefined()
    expect((await hydrate('bob', { uris: [general.uri] })).body.proof).toBeUndefined()
  })
})

describe('answers', () => {
  it('BND-013: are kept by nobody, and differ by who asks', async () => {
    const made = await byAlice('not for caches', ['general'])
    const at = { did: alice.did, repo: alice.did, collection: POST, rkey: made.rkey, uri: made.uri }
    const answers = [
      await get('bob', 'com.atproto.repo.getRecord', at),
      await get('carol', 'com.atproto.repo.getRecord', at),
      await get('bob', 'com.atproto.repo.listRecords', at),
      await get('bob', 'com.atproto.repo.describeRepo', at),
      await get('bob', 'zone.stratos.repo.hydrateRecord', at),
      await clients.bob.call('POST', 'zone.stratos.repo.hydrateRecords', { body: { uris: [made.uri] } }),
      await get('bob', 'com.atproto.sync.getRecord', at),
      await get('alice', 'zone.stratos.sync.getRepo', at),
      await get('bob', 'zone.stratos.sync.getRepo', at),
      await get('bob', 'zone.stratos.enrollment.status', at),
      await sendRequest('GET', clients.bob.url('com.atproto.repo.getRecord', at)),
      await sendRequest('GET', clients.bob.url('zone.stratos.sync.getRepo', at)),
      await get('bob', 'com.atproto.repo.getRecord', { repo: 'nobody' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([
      ...[200, 404, 200, 200, 200, 200, 200, 200, 403, 200, 404, 401, 400],
    ])
    for (const { headers } of answers) {
      expect(headers['cache-control']).toBe('private, no-store')
      expect(headers['vary']).toBe('Authorization, DPoP')
    }
  })

  it('BND-017: what was made for another Stratos service opens nothing here', async () => {
    const made = await byAlice('of this service', ['general'])
    const nsid = 'com.atproto.repo.getRecord'
    const other = 'did:web:other-stratos.example'
    const bob = accountOf(network(), 'bob')
    const params = { repo: alice.did, collection: POST, rkey: made.rkey }
    const withToken = async (aud: string) => {
      const authorization = `Bearer ${await serviceJwt(network(), bob, nsid, aud)}`
      return sendRequest('GET', clients.bob.url(nsid, params), { headers: { authorization } })
    }
    expect((await withToken(network().serviceDid)).status).toBe(200)
    expect((await withToken(other)).status).toBe(401)
    const elsewhere = new ProofClient(network().serviceUrl)
    const registered = await elsewhere.register({ ...network(), serviceDid: other }, bob)
    expect(registered.status).toBe(401)
    expect((await elsewhere.call('GET', nsid, { params })).status).toBe(401)
    // A boundary of the same name is another one, for writers and for readers.
    const record = post(other, 'from elsewhere', ['general'])
    const body = { repo: alice.did, collection: POST, record }
    const refused = await clients.alice.call('POST', 'com.atproto.repo.createRecord', { body })
    expect([refused.status, refused.body.error]).toEqual([400, 'ServiceMismatch'])
  })
})

describe('a proof', () => {
  it('SYN-005 SYN-007: of a record is accepted by two libraries, and has nothing of other records but keys and CIDs', async () => {
    const made = await byAlice('to be proven', ['general'])
    await byAlice('canary of somebody else', ['writers'])
    const answer = await prove('bob', made.rkey)
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/vnd.ipld.car'])
    const claims = [{ collection: POST, rkey: made.rkey, cid: parseCid(made.cid) }]
    const key = await keyOf(alice.did)
    const { verified, unverified } = await verifyProofs(bytesOf(answer), claims, alice.did, key)
    expect([verified.length, unverified.length]).toEqual([1, 0])
    expect(await verifyRecords(bytesOf(answer), alice.did, key)).toHaveLength(1)
    expect((await verifyWithAtcute(bytesOf(answer), made.rkey)).cid).toBe(made.cid)
    expect(answer.bytes.toString('latin1')).toContain('to be proven')
    expect(answer.bytes.toString('latin1')).not.toContain('canary')
  })

  it('does not survive the change of any byte', async () => {
    const made = await byAlice('not to be tampered with', ['general'])
    const car = bytesOf(await prove('bob', made.rkey))
    const { blocks } = await readCarWithRoot(car)
    expect(blocks.size).toBeGreaterThan(2)
    for (let at = 0; at < car.length; at++) {
      const changed = car.with(at, car[at]! ^ 0x40)
      await expect(verifyWithAtcute(changed, made.rkey), `byte ${at}`).rejects.toThrow()
    }
  })

  it('of absence is for those who may read the whole tree; others are told that nothing is there', async () => {
    const key = await keyOf(alice.did)
    const claims = [{ collection: POST, rkey: MISSING, cid: null }]
    const params = { did: alice.did, collection: POST, rkey: MISSING }
    const answers = [
      await prove('alice', MISSING),
      await appview.call(network(), 'GET', 'com.atproto.sync.getRecord', { params }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      const { verified } = await verifyProofs(bytesOf(answer), claims, alice.did, key)
      expect(verified).toHaveLength(1)
    }
    const hidden = await byAlice('not for carol', ['writers'])
    const denied = await prove('carol', hidden.rkey)
    expect([denied.status, denied.body.error]).toEqual([404, 'RecordNotFound'])
    expect(comparable(denied)).toEqual(comparable(await prove('carol', MISSING)))
    // Bob sees the one and not the other, and learns of the second no more than carol of both.
    expect((await prove('bob', MISSING)).status).toBe(404)
    const own = await write(
      clients.alice,
      alice.did,
      { $type: 'com.example.diary', text: 'mine' },
      'com.example.diary',
    )
    const ofDiary = { did: alice.did, collection: 'com.example.diary', rkey: own.rkey }
    expect(
      (await appview.call(network(), 'GET', 'com.atproto.sync.getRecord', { params: ofDiary })).status,
    ).toBe(404)
  })

  it('BND-011: never has a block of somebody else', async () => {
    const made = await byAlice('only in one repo', ['general'])
    const bobDid = accountOf(network(), 'bob').did
    const params = { did: bobDid, collection: POST, rkey: made.rkey }
    expect((await get('alice', 'com.atproto.sync.getRecord', params)).status).toBe(404)
    const own = await get('bob', 'com.atproto.sync.getRecord', params)
    expect(own.status).toBe(200)
    expect(own.bytes.toString('latin1')).not.toContain('only in one repo')
  })

  it('holds while the repo is being written to', async () => {
    const made = await byAlice('in the middle of things', ['general'])
    const key = await keyOf(alice.did)
    const claims = [{ collection: POST, rkey: made.rkey, cid: parseCid(made.cid) }]
    let writing = true
    const writer = (async () => {
      while (writing) await byAlice('noise', ['general'])
    })()
    for (let count = 0; count < 20; count++) {
      const answer = await prove('bob', made.rkey)
      expect(answer.status).toBe(200)
      expect((await verifyProofs(bytesOf(answer), claims, alice.did, key)).verified).toHaveLength(1)
    }
    writing = false
    await writer
  })
})

describe('an export', () => {
  const exportAs = (who: Name, params: Record<string, string> = {}) =>
    get(who, 'zone.stratos.sync.getRepo', { did: alice.did, ...params })

  it('SYN-001: is for the owner and for allow-listed services', async () => {
    for (const nsid of [
      'zone.stratos.sync.getRepo',
      'com.atproto.sync.getLatestCommit',
      'com.atproto.sync.getRepoStatus',
    ]) {
      for (const who of ['bob', 'carol', 'eve'] as const)
        expect((await get(who, nsid, { did: alice.did })).status, nsid).toBe(403)
      expect((await sendRequest('GET', clients.bob.url(nsid, { did: alice.did }))).status, nsid).toBe(401)
      expect((await get('alice', nsid, { did: alice.did })).status, nsid).toBe(200)
    }
    expect((await get('alice', 'com.atproto.sync.listRepos', {})).status).toBe(403)
  })

  it('SYN-003: is the whole repo and nothing that its commit does not reach, after updates and deletions', async () => {
    const author = await newAuthor('exported.test', ['general'])
    const { serviceDid } = network()
    const made: Made[] = []
    for (let index = 0; index < 30; index++)
      made.push(await write(author.client, author.did, post(serviceDid, `text ${index}`, ['general'])))
    for (const [index, { rkey }] of made.entries()) {
      const base = { repo: author.did, collection: POST, rkey }
      if (index % 3 === 0) await author.client.call('POST', 'com.atproto.repo.deleteRecord', { body: base })
      const record = post(serviceDid, `new ${index}`, ['general'])
      if (index % 3 === 1)
        await author.client.call('POST', 'com.atproto.repo.putRecord', { body: { ...base, record } })
    }
    const params = { did: author.did }
    const answer = await author.client.call('GET', 'zone.stratos.sync.getRepo', { params })
    const { root, blocks } = await readCarWithRoot(bytesOf(answer))
    const verified = await verifyRepo(blocks, root, author.did, await keyOf(author.did))
    expect(verified.creates).toHaveLength(20)
    const text = answer.bytes.toString('latin1')
    expect(text).toContain('text 2e$type')
    expect(text).not.toContain('text 0e$type')
    expect(text).not.toContain('text 1e$type')
    const latest = await author.client.call('GET', 'com.atproto.sync.getLatestCommit', { params })
    expect(latest.body).toEqual({ cid: root.toString(), rev: verified.commit.rev })
    const status = await author.client.call('GET', 'com.atproto.sync.getRepoStatus', { params })
    expect(status.body).toEqual({ did: author.did, active: true, rev: verified.commit.rev })

    const since = verified.commit.rev
    await write(author.client, author.did, post(serviceDid, 'after that', ['general']))
    const later = await author.client.call('GET', 'zone.stratos.sync.getRepo', {
      params: { ...params, since },
    })
    const news = await readCarWithRoot(bytesOf(later))
    expect(news.blocks.size).toBeLessThan(10)
    expect(later.bytes.toString('latin1')).toContain('after that')
    expect(later.bytes.toString('latin1')).not.toContain('new 1')
    for (const { cid, bytes } of news.blocks.entries()) blocks.set(cid, bytes)
    const both = await verifyRepo(blocks, news.root, author.did, await keyOf(author.did))
    expect(both.creates).toHaveLength(21)
  })

  it('for a service leaves out what is for the owner alone, and its commit holds all the same', async () => {
    await byAlice('to be exported', ['general'])
    await write(
      clients.alice,
      alice.did,
      { $type: 'com.example.diary', text: 'canary: mine' },
      'com.example.diary',
    )
    const params = { did: alice.did }
    const forService = await appview.call(network(), 'GET', 'zone.stratos.sync.getRepo', { params })
    expect(forService.bytes.toString('latin1')).toContain('to be exported')
    expect(forService.bytes.toString('latin1')).not.toContain('canary: mine')
    const own = await exportAs('alice')
    expect(own.bytes.toString('latin1')).toContain('canary: mine')
    const { blocks } = await readCarWithRoot(bytesOf(own))
    const { root, blocks: less } = await readCarWithRoot(bytesOf(forService))
    expect(less.has(root)).toBe(true)
    expect(less.size).toBeLessThan(blocks.size)
  })

  it('SYN-009: that its reader leaves gives everything back at once', async () => {
    const author = await newAuthor('abandoned.test', ['general'])
    for (let index = 0; index < 40; index++) {
      const record = post(network().serviceDid, `n${index}`, ['general'], { more: 'x'.repeat(240_000) })
      await write(author.client, author.did, record)
    }
    const url = author.client.url('zone.stratos.sync.getRepo', { did: author.did })
    // More than there are places for exports.
    for (let count = 0; count < 12; count++) {
      const leaving = new AbortController()
      const headers = { authorization: `DPoP ${author.client.token}`, dpop: author.client.proof('GET', url) }
      const answer = await fetch(url, { headers, signal: leaving.signal })
      const status = answer.status
      leaving.abort()
      // The place is free when the connection's end has arrived.
      if (status === 429 || status === 503) count -= 1
      else expect(status).toBe(200)
    }
    const all = () => author.client.call('GET', 'zone.stratos.sync.getRepo', { params: { did: author.did } })
    await waitUntil('getting the places back', async () => (await all()).status === 200, 5_000)
  })

  it('of an unknown repo is not there; services list those that are', async () => {
    const did = 'did:plc:44ybard66vv44zksje25o7dz'
    for (const nsid of ['zone.stratos.sync.getRepo', 'com.atproto.sync.getLatestCommit']) {
      const answer = await appview.call(network(), 'GET', nsid, { params: { did } })
      expect([answer.status, answer.body.error]).toEqual([404, 'RepoNotFound'])
    }
    const listed: { did: string; head: string; rev: string }[] = []
    for (let cursor: string | undefined; ;) {
      const params = { limit: 2, ...(cursor === undefined ? {} : { cursor }) }
      const { body } = await appview.call(network(), 'GET', 'com.atproto.sync.listRepos', { params })
      listed.push(...body.repos)
      cursor = body.cursor
      if (cursor === undefined) break
    }
    expect(listed.map((repo) => repo.did)).toEqual(listed.map((repo) => repo.did).toSorted())
    const latest = await get('alice', 'com.atproto.sync.getLatestCommit', { did: alice.did })
    expect(listed.find((repo) => repo.did === alice.did)).toMatchObject({
      head: latest.body.cid,
      active: true,
    })
  })
})

describe('a takedown', () => {
  const administer = (name: string, uri: string) =>
    sendRequest('POST', `${network().serviceUrl}/xrpc/zone.stratos.admin.${name}`, {
      body: { uri, reason: 'a test' },
      headers: {
        authorization: `Basic ${Buffer.from(`admin:${network().adminPassword}`).toString('base64')}`,
      },
    })

  it('BND-015: makes a record look like a missing one to everybody, its author too, until it is restored', async () => {
    const made = await byAlice('canary: taken down', ['general'])
    const params = { did: alice.did, collection: POST, rkey: made.rkey, repo: alice.did, uri: made.uri }
    const everywhere = async (who: Name) => {
      const answers = [
        await get(who, 'com.atproto.repo.getRecord', params),
        await get(who, 'com.atproto.repo.listRecords', params),
        await get(who, 'zone.stratos.repo.hydrateRecord', params),
        await get(who, 'com.atproto.sync.getRecord', params),
      ]
      if (who === 'alice') answers.push(await get(who, 'zone.stratos.sync.getRepo', params))
      return answers.map(({ bytes }) => bytes.toString('latin1').includes('canary: taken down'))
    }
    expect((await administer('takedownRecord', made.uri)).body).toEqual({ uri: made.uri })
    for (const who of ['alice', 'bob'] as const) {
      expect((await everywhere(who)).includes(true), who).toBe(false)
      const at = (rkey: string) => get(who, 'com.atproto.repo.getRecord', { ...params, rkey })
      expect(comparable(await at(made.rkey))).toEqual(comparable(await at(MISSING)))
    }
    expect((await administer('restoreRecord', made.uri)).status).toBe(200)
    for (const who of ['alice', 'bob'] as const)
      expect((await everywhere(who)).includes(false), who).toBe(false)
  })

  it('is of a record that is there, and by operators', async () => {
    const missing = `at://${alice.did}/${POST}/${MISSING}`
    for (const name of ['takedownRecord', 'restoreRecord']) {
      const answer = await administer(name, missing)
      expect([answer.status, answer.body.error]).toEqual([404, 'RecordNotFound'])
      const byUser = await clients.alice.call('POST', `zone.stratos.admin.${name}`, {
        body: { uri: missing },
      })
      expect([401, 403]).toContain(byUser.status)
    }
  })
})
