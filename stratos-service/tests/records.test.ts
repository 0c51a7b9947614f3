import { ProofClient, sendRequest, type Answer } from 'test-network'
import { beforeAll, describe, expect, it } from 'vitest'
import { comparable } from './_util/comparable.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()
let alice: ProofClient
let bob: ProofClient
let carol: ProofClient
let aliceDid: string
let serviceDid: string

beforeAll(async () => {
  const net = network()
  aliceDid = accountOf(net, 'alice').did
  serviceDid = net.serviceDid
  ;[alice, bob, carol] = (await Promise.all(
    (['alice', 'bob', 'carol'] as const).map((name) => ProofClient.signIn(net, accountOf(net, name))),
  )) as [ProofClient, ProofClient, ProofClient]
})

const create = (client: ProofClient, repo: string, record: object, more: object = {}) =>
  client.call('POST', 'com.atproto.repo.createRecord', { body: { repo, collection: POST, record, ...more } })

const rkeyOf = (answer: Answer): string => answer.body.uri.split('/').at(-1)

const get = (client: ProofClient, repo: string, rkey: string) =>
  client.call('GET', 'com.atproto.repo.getRecord', { params: { repo, collection: POST, rkey } })

describe('writing and reading a private post', () => {
  it('gives the author an address, a CID and the commit', async () => {
    const { status, body } = await create(alice, aliceDid, post(serviceDid, 'hello', ['general']))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      uri: expect.stringMatching(`^at://${aliceDid}/${POST}/[2-7a-z]{13}$`),
      cid: expect.stringMatching(/^bafyrei/),
      commit: { cid: expect.stringMatching(/^bafyrei/), rev: expect.any(String) },
      validationStatus: 'valid',
    })
  })

  it('shows the record to its author and to those who share the boundary', async () => {
    const record = post(serviceDid, 'for the general public of us', ['general'])
    const created = await create(alice, aliceDid, record)
    for (const reader of [alice, bob]) {
      const { status, body } = await get(reader, aliceDid, rkeyOf(created))
      expect(status).toBe(200)
      expect(body).toEqual({ uri: created.body.uri, cid: created.body.cid, value: record })
    }
  })

  it('takes a handle for a DID', async () => {
    const created = await create(alice, 'alice.test', post(serviceDid, 'by handle', ['general']))
    expect(created.status).toBe(200)
    expect((await get(bob, 'alice.test', rkeyOf(created))).status).toBe(200)
  })

  it('answers a denied read byte for byte like a missing one, to strangers and to nobody in particular', async () => {
    const created = await create(alice, aliceDid, post(serviceDid, 'not for carol', ['general']))
    const hidden = await get(carol, aliceDid, rkeyOf(created))
    const missing = await get(carol, aliceDid, '3kaaaaaaaaaa2')
    expect(hidden.status).toBe(404)
    expect(hidden.body.error).toBe('RecordNotFound')
    expect(comparable(hidden)).toEqual(comparable(missing))

    const url = alice.url('com.atproto.repo.getRecord', {
      repo: aliceDid,
      collection: POST,
      rkey: rkeyOf(created),
    })
    const anonymous = await sendRequest('GET', url)
    expect(anonymous.status).toBe(404)
    expect(anonymous.bytes.equals(missing.bytes)).toBe(true)
  })

  it('lists what the viewer may see, newest first, page by page, and nothing else', async () => {
    const dora = await enrolled('dora.test')
    const texts = ['one', 'two', 'three', 'four']
    for (const [index, text] of texts.entries()) {
      const names = index % 2 === 0 ? ['general'] : ['writers']
      expect((await create(dora.client, dora.did, post(serviceDid, text, names))).status).toBe(200)
    }
    const listed = async (client: ProofClient, params: object = {}) => {
      const all = { repo: dora.did, collection: POST, ...params }
      const { status, body } = await client.call('GET', 'com.atproto.repo.listRecords', { params: all })
      expect(status).toBe(200)
      return body
    }
    const textsOf = (body: { records: { value: { text: string } }[] }) =>
      body.records.map(({ value }) => value.text)
    expect(textsOf(await listed(dora.client))).toEqual(texts.toReversed())
    expect(textsOf(await listed(dora.client, { reverse: true }))).toEqual(texts)
    expect(textsOf(await listed(bob))).toEqual(texts.toReversed())
    expect(await listed(carol)).toEqual({ records: [] })

    await network().setBoundaries(dora.did, ['general', 'writers'])
    const eva = await enrolled('eva.test', ['writers'])
    const first = await listed(eva.client, { limit: 1 })
    expect(textsOf(first)).toEqual(['four'])
    const second = await listed(eva.client, { limit: 1, cursor: first.cursor })
    expect(textsOf(second)).toEqual(['two'])
    expect(second.cursor).toBeUndefined()
  })

  it('deletes a record, and a missing one without a commit', async () => {
    const created = await create(alice, aliceDid, post(serviceDid, 'short-lived', ['general']))
    const key = { repo: aliceDid, collection: POST, rkey: rkeyOf(created) }
    const deleted = await alice.call('POST', 'com.atproto.repo.deleteRecord', { body: key })
    expect(deleted.body.commit.rev > created.body.commit.rev).toBe(true)
    expect((await get(alice, aliceDid, key.rkey)).status).toBe(404)
    const again = await alice.call('POST', 'com.atproto.repo.deleteRecord', { body: key })
    expect(again).toMatchObject({ status: 200, body: {} })
    expect(again.body.commit).toBeUndefined()
  })

  it('serves every method under its zone.stratos name as well', async () => {
    const record = post(serviceDid, 'by alias', ['general'])
    const body = { repo: aliceDid, collection: POST, record }
    const created = await alice.call('POST', 'zone.stratos.repo.createRecord', { body })
    const key = { repo: aliceDid, collection: POST, rkey: rkeyOf(created) }
    expect((await bob.call('GET', 'zone.stratos.repo.getRecord', { params: key })).body.value).toEqual(record)
    const params = { repo: aliceDid, collection: POST, limit: 1 }
    expect((await bob.call('GET', 'zone.stratos.repo.listRecords', { params })).body.records).toHaveLength(1)
    expect((await alice.call('POST', 'zone.stratos.repo.deleteRecord', { body: key })).status).toBe(200)
  })
})

describe('hydration', () => {
  it('keeps the order, and says of hidden records what it says of missing ones', async () => {
    const general = await create(alice, aliceDid, post(serviceDid, 'g', ['general']))
    const writers = await create(alice, aliceDid, post(serviceDid, 'w', ['writers']))
    const missing = `at://${aliceDid}/${POST}/3kaaaaaaaaaa2`
    const uris = [writers.body.uri, missing, general.body.uri]
    const hydrate = (client: ProofClient) =>
      client.call('POST', 'zone.stratos.repo.hydrateRecords', { body: { uris } })

    const { body } = await hydrate(bob)
    expect(body.records.map(({ uri }: { uri: string }) => uri)).toEqual([writers.body.uri, general.body.uri])
    expect(body).toMatchObject({ notFound: [missing], blocked: [] })
    expect((await hydrate(carol)).body).toEqual({ records: [], notFound: uris, blocked: [] })

    const one = await bob.call('GET', 'zone.stratos.repo.hydrateRecord', {
      params: { uri: general.body.uri },
    })
    expect(one.body).toMatchObject({ uri: general.body.uri, cid: general.body.cid, value: { text: 'g' } })
    const other = { uri: general.body.uri, cid: writers.body.cid }
    expect((await bob.call('GET', 'zone.stratos.repo.hydrateRecord', { params: other })).status).toBe(404)
  })

  it('refuses malformed URIs, more than 100 of them, and a viewer named by somebody who is no AppView', async () => {
    const call = (body: object) => bob.call('POST', 'zone.stratos.repo.hydrateRecords', { body })
    expect((await call({ uris: ['at://not a uri'] })).status).toBe(400)
    expect((await call({ uris: Array(101).fill(`at://${aliceDid}/${POST}/3kaaaaaaaaaa2`) })).status).toBe(400)
    const forOther = await call({ uris: [], viewer: aliceDid })
    expect([forOther.status, forOther.body.error]).toEqual([403, 'Forbidden'])
  })
})

describe('what may be written', () => {
  const cases: [string, (did: string) => { record: object; more?: object }, string][] = [
    [
      'a post without a boundary',
      (did) => ({ record: { ...post(did, 'x', ['general']), boundary: undefined } }),
      'InvalidRecord',
    ],
    ['an empty boundary', (did) => ({ record: post(did, 'x', []) }), 'InvalidRecord'],
    [
      'a boundary that the author lacks',
      (did) => ({ record: post(did, 'x', ['other']) }),
      'ForbiddenBoundary',
    ],
    [
      'a boundary that does not exist',
      (did) => ({ record: post(did, 'x', ['nowhere']) }),
      'ForbiddenBoundary',
    ],
    [
      'a bare boundary',
      () => ({ record: { ...post('', 'x', []), boundary: bare('general') } }),
      'ServiceMismatch',
    ],
    [
      'the boundary of another service',
      () => ({ record: post('did:web:other.example', 'x', ['general']) }),
      'ServiceMismatch',
    ],
    ['too long a text', (did) => ({ record: post(did, 'x'.repeat(301), ['general']) }), 'InvalidRecord'],
    [
      'another $type',
      (did) => ({ record: { ...post(did, 'x', ['general']), $type: 'zone.stratos.other' } }),
      'InvalidRecord',
    ],
    ['a fraction', (did) => ({ record: post(did, 'x', ['general'], { size: 1.5 }) }), 'InvalidRecord'],
    [
      'a key that is no TID',
      (did) => ({ record: post(did, 'x', ['general']), more: { rkey: 'self' } }),
      'InvalidRequest',
    ],
    [
      'a public collection',
      (did) => ({ record: post(did, 'x', ['general']), more: { collection: 'app.bsky.feed.post' } }),
      'InvalidCollection',
    ],
    [
      'an unseen parent',
      (did) => ({ record: post(did, 'x', ['general'], { reply: replyTo('did:plc:nobody') }) }),
      'InvalidRecord',
    ],
    [
      'boundaries that skip validation',
      (did) => ({ record: post(did, 'x', ['other']), more: { validate: false } }),
      'ForbiddenBoundary',
    ],
  ]

  it.each(cases)('refuses %s', async (_what, make, error) => {
    const { record, more } = make(serviceDid)
    const answer = await create(alice, aliceDid, record, more)
    expect([answer.status, answer.body.error]).toEqual([400, error])
  })

  it('refuses to write into the repo of somebody else', async () => {
    const answer = await create(bob, aliceDid, post(serviceDid, 'x', ['general']))
    expect([answer.status, answer.body.error]).toEqual([401, 'AuthenticationRequired'])
  })

  it('refuses a second record under the same key', async () => {
    const rkey = '3kbbbbbbbbbb2'
    const record = post(serviceDid, 'x', ['general'])
    expect((await create(alice, aliceDid, record, { rkey })).status).toBe(200)
    const again = await create(alice, aliceDid, record, { rkey })
    expect([again.status, again.body.error]).toEqual([400, 'RecordAlreadyExists'])
  })

  it('accepts a reply within the boundaries of its parent and refuses a wider one', async () => {
    const parent = await create(alice, aliceDid, post(serviceDid, 'parent', ['general']))
    const ref = { uri: parent.body.uri, cid: parent.body.cid }
    const reply = { root: ref, parent: ref }
    const bobDid = accountOf(network(), 'bob').did
    expect((await create(bob, bobDid, post(serviceDid, 'fine', ['general'], { reply }))).status).toBe(200)
    const wider = await create(bob, bobDid, post(serviceDid, 'no', ['general', 'writers'], { reply }))
    expect([wider.status, wider.body.error]).toEqual([400, 'InvalidRecord'])
  })
})

describe('malformed requests', () => {
  const url = () => alice.url('com.atproto.repo.createRecord')
  const send = (body: Buffer, headers: Record<string, string> = {}) =>
    alice.send('POST', url(), { body, headers: { dpop: alice.proof('POST', url()), ...headers } })

  it.each([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['half a document', '{"repo":'],
    ['invalid UTF-8', '\xff\xfe'],
    ['20,000 nested lists', `{"record":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
  ])('answers 400 to a body of %s', async (_what, text) => {
    const answer = await send(Buffer.from(text, 'latin1'))
    expect(answer.status).toBe(400)
    expect(answer.body).toEqual({ error: 'InvalidRequest', message: expect.any(String) })
  })

  it('answers 413 to a body that is too large', async () => {
    const answer = await send(Buffer.alloc(300 * 1024, ' '))
    expect([answer.status, answer.body.error]).toEqual([413, 'PayloadTooLarge'])
  })
})

function bare(name: string) {
  return { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: name }] }
}

function replyTo(did: string) {
  const ref = {
    uri: `at://${did}/${POST}/3kaaaaaaaaaa2`,
    cid: 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry',
  }
  return { root: ref, parent: ref }
}

async function enrolled(handle: string, boundaries: readonly string[] = ['general', 'writers']) {
  const net = network()
  const account = await net.createAccount(handle)
  await net.enroll(account)
  await net.setBoundaries(account.did, boundaries)
  return { did: account.did, client: await ProofClient.signIn(net, account) }
}
