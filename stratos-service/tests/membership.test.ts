import { Secp256k1Keypair } from '@atproto/crypto'
import { verifyRepoCar } from '@atproto/repo'
import { authorize, ProofClient, sendRequest, waitUntil, type Answer, type Instance } from 'test-network'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { cidOf, drawPng, images, upload } from './_util/blobs.ts'
import { callAs, enrollMadeUp, makeUpAccount, type MadeUpAccount } from './_util/made-up-account.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ENROLLMENT, listPublic } from './_util/public-repo.ts'
import { StreamFollower } from './_util/stream-follower.ts'

vi.setConfig({ testTimeout: 120_000 })
const STATUS = 'zone.stratos.enrollment.status'
const RESOLVE = 'zone.stratos.identity.resolveEnrollments'

const SECRET = 'the secret of those who follow everything'
const network = useNetwork({
  storage: 'postgres',
  layout: 'shared',
  enrolled: true,
  serviceEnv: { STRATOS_SYNC_TOKEN: SECRET, STRATOS_AUTHORIZE_PER_MINUTE: '10000' },
})
const streamUrl = () =>
  urlOf('zone.stratos.sync.subscribeRecords', String(new URLSearchParams({ syncToken: SECRET, cursor: '0' })))

let second: Instance
beforeAll(async () => {
  second = await network().startInstance()
}, 240_000)

/** People of another PDS; for each a server is started, and nothing else has to be. */
const crowd: MadeUpAccount[] = []
afterAll(() => Promise.all(crowd.map((account) => account.close())))

const urlOf = (nsid: string, query: string) => `${network().serviceUrl}/xrpc/${nsid}?${query}`
const origin = () => network().serviceUrl.replace('localhost', '127.0.0.1')

async function begin(handle: string) {
  const url = `${origin()}/oauth/authorize?${new URLSearchParams({ handle })}`
  const answer = await sendRequest('GET', url)
  const cookie = String(answer.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  return { location: new URL(String(answer.headers.location)), cookie }
}

describe('an enrollment', () => {
  it('ENR-001: makes an empty repo, whose commit is signed by the key that is published', async () => {
    const net = network()
    const dave = await net.createAccount('dave.test')
    await net.enroll(dave)
    const records = () => listPublic(net, dave.did, ENROLLMENT)
    await waitUntil('the enrollment is published', async () => (await records()).length === 1)
    const [published] = await records()
    const client = await ProofClient.signIn(net, dave)
    const exported = await client.call('GET', 'zone.stratos.sync.getRepo', { params: { did: dave.did } })
    const signingKey = String(published?.value['signingKey'])
    expect((await verifyRepoCar(exported.bytes, dave.did, signingKey)).creates).toEqual([])
    const another = await Secp256k1Keypair.create()
    await expect(verifyRepoCar(exported.bytes, dave.did, another.did())).rejects.toThrow()
    const description = await client.call('GET', 'com.atproto.repo.describeRepo', {
      params: { repo: dave.did },
    })
    expect(description.body.collections).toEqual([])
  })

  it('RAC-007: that two browsers complete at once is one, with one key and one repo', async () => {
    const net = network()
    const erin = await net.createAccount('erin.test')
    const browsers = [await begin(erin.handle), await begin(erin.handle)]
    const callbacks = []
    for (const { location } of browsers) callbacks.push(String(await authorize(location, erin)))
    const answers = await Promise.all(
      callbacks.map((url, index) =>
        sendRequest('GET', url, { headers: { cookie: browsers[index]?.cookie ?? '' } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers.filter(({ body }) => body.enrolled === true)).toHaveLength(1)
    const { signingKey } = (await sendRequest('GET', urlOf(STATUS, `did=${erin.did}`))).body
    const client = await ProofClient.signIn(net, erin)
    const exported = await client.call('GET', 'zone.stratos.sync.getRepo', { params: { did: erin.did } })
    expect((await verifyRepoCar(exported.bytes, erin.did, signingKey)).creates).toEqual([])
  })

  it('ENR-019: of a did:web with a port has the same DID in paths, databases and records', async () => {
    const net = network()
    const account = await makeUpAccount()
    const { did } = account
    expect(did).toContain('%3A')
    expect((await enrollMadeUp(network(), account)).body).toMatchObject({ did })
    const record = post(net.serviceDid, 'from a port', ['general'])
    const body = { repo: did, collection: POST, record }
    const made = await callAs(network(), account, 'POST', 'com.atproto.repo.createRecord', { body })
    expect(made.body.uri.startsWith(`at://${did}/${POST}/`)).toBe(true)
    const params = { repo: did, collection: POST }
    const listed = await callAs(network(), account, 'GET', 'com.atproto.repo.listRecords', { params })
    expect(listed.body.records.map(({ uri }: { uri: string }) => uri)).toEqual([made.body.uri])
    const own = await callAs(network(), account, 'GET', STATUS, { params: { did } })
    expect(own.body).toMatchObject({ did, enrolled: true })
    // A key of a record has no percent sign; the port stands as it is.
    expect(own.body.enrollmentRkey).toBe(net.serviceDid.replace('%3A', ':'))
    await account.close()
  })
})

describe('what others learn of an enrollment', () => {
  it('ENR-013: has no attestation in it', async () => {
    const bob = await ProofClient.signIn(network(), accountOf(network(), 'bob'))
    const { did } = accountOf(network(), 'alice')
    const { status, bytes } = await bob.call('GET', STATUS, { params: { did } })
    expect(status).toBe(200)
    expect(bytes.toString()).not.toMatch(/attestation|sig"/)
  })

  const LONG = `did:plc:${'a'.repeat(10_240)}`
  it.each([
    ['nothing', ''],
    ['no value', 'did='],
    ['two values', 'did=did:plc:a&did=did:plc:b'],
    ['a member of an object', 'did[x]=1'],
    ['ten kilobytes', `did=${LONG}`],
    ['a NUL', 'did=did:plc:a%00b'],
    ['a NUL alone', 'did=%00'],
    ['half an escape', 'did=%E0%A4%A'],
    ['letters of other scripts', `did=${encodeURIComponent('did:plc:älïcé')}`],
  ])('ENR-015: asked for by %s is an invalid request', async (_what, query) => {
    for (const nsid of [STATUS, RESOLVE]) {
      const { status, body } = await sendRequest('GET', urlOf(nsid, query))
      expect([status, body.error], nsid).toEqual([400, 'InvalidRequest'])
    }
  })
})

it('ENR-009: a boundary that is taken from a user is closed to them on every route of both instances', async () => {
  const net = network()
  const [alice, carol] = [accountOf(net, 'alice'), accountOf(net, 'carol')]
  await net.setBoundaries(alice.did, ['general', 'writers'])
  await net.setBoundaries(carol.did, ['general', 'writers'])
  const author = await ProofClient.signIn(net, alice)
  const picture = drawPng()
  picture.write('canary-5150', picture.length - 11)
  const uploaded = await upload(author, picture)
  const record = post(net.serviceDid, 'canary-5150', ['writers'], images(uploaded))
  const body = { repo: alice.did, collection: POST, record }
  const { uri } = (await author.call('POST', 'com.atproto.repo.createRecord', { body })).body
  const rkey = uri.split('/').at(-1)
  const reader = await ProofClient.signIn(net, carol)
  const ask = (to: string, method: 'GET' | 'POST', nsid: string, params = {}, more = {}): Promise<Answer> => {
    const url = reader.url(nsid, params)
    return reader.send(method, url.replace(net.serviceUrl, to), {
      headers: { dpop: reader.proof(method, url) },
      ...more,
    })
  }
  const key = { repo: alice.did, collection: POST, rkey }
  const routes = (to: string) => [
    () => ask(to, 'GET', 'com.atproto.repo.getRecord', key),
    () => ask(to, 'GET', 'zone.stratos.repo.getRecord', key),
    () => ask(to, 'GET', 'com.atproto.repo.listRecords', { repo: alice.did, collection: POST }),
    () => ask(to, 'GET', 'zone.stratos.repo.listRecords', { repo: alice.did, collection: POST }),
    () => ask(to, 'GET', 'zone.stratos.repo.hydrateRecord', { uri }),
    () => ask(to, 'POST', 'zone.stratos.repo.hydrateRecords', {}, { body: { uris: [uri] } }),
    () => ask(to, 'GET', 'com.atproto.sync.getRecord', { did: alice.did, collection: POST, rkey }),
    () => ask(to, 'GET', 'com.atproto.sync.getBlob', { did: alice.did, cid: cidOf(uploaded) }),
  ]
  const all = [net.serviceUrl, second.url].flatMap(routes)
  const shown = async () => {
    const answers = await Promise.all(all.map((route) => route()))
    return answers.map(({ bytes }) => bytes.includes('canary-5150'))
  }
  expect(await shown()).toEqual(all.map(() => true))
  await net.setBoundaries(carol.did, ['general'])
  await waitUntil('nothing is shown', async () => !(await shown()).includes(true), 5_000)
  expect(await shown()).toEqual(all.map(() => false))
})

describe('many accounts', () => {
  const CROWD = process.env['STRATOS_TEST_LONG'] === 'true' ? 250 : 20

  it(
    `ENR-017: of ${CROWD} enrollments the stream tells each once, and then what happens`,
    { timeout: 300_000 },
    async () => {
      const before = new StreamFollower(streamUrl())
      for (let n = 0; n < CROWD; n += 1) {
        const account = await makeUpAccount()
        crowd.push(account)
        expect((await enrollMadeUp(network(), account)).body.enrolled).toBe(true)
      }
      const follower = new StreamFollower(streamUrl())
      const told = ({ enrollments }: StreamFollower) =>
        enrollments
          .map(({ did }) => String(did))
          .filter((did) => crowd.some((account) => account.did === did))
      for (const each of [before, follower]) {
        await each.until('everybody', () => told(each).length >= CROWD)
        expect(told(each).toSorted()).toEqual(crowd.map(({ did }) => did).toSorted())
      }
      await network().setBoundaries(crowd[0]?.did ?? '', ['writers'])
      for (const each of [before, follower]) {
        await each.until('the change', () => told(each).length > CROWD)
        expect(told(each).slice(CROWD)).toEqual([crowd[0]?.did])
        each.close()
      }
      await network().setBoundaries(crowd[0]?.did ?? '', ['general'])
    },
  )

  it('RAC-015: who write at the same time have their own records, and nothing of the others', async () => {
    const { serviceDid } = network()
    const texts = (author: number) => Array.from({ length: 20 }, (_, n) => `of-${author}-the-${n}-post`)
    const writers = crowd.slice(0, 50)
    const made = await Promise.all(
      writers.map(async (account, author) => {
        const uris: string[] = []
        for (const text of texts(author)) {
          const body = { repo: account.did, collection: POST, record: post(serviceDid, text, ['general']) }
          const answer = await callAs(network(), account, 'POST', 'com.atproto.repo.createRecord', { body })
          expect(answer.status, JSON.stringify(answer.body)).toBe(200)
          uris.push(answer.body.uri)
        }
        return uris
      }),
    )
    for (const [author, account] of writers.entries()) {
      const { did } = account
      const { signingKey } = (await callAs(network(), account, 'GET', STATUS, { params: { did } })).body
      const exported = await callAs(network(), account, 'GET', 'zone.stratos.sync.getRepo', {
        params: { did },
      })
      const { creates } = await verifyRepoCar(exported.bytes, did, signingKey)
      const uriOf = ({ collection, rkey }: { collection: string; rkey: string }) =>
        `at://${did}/${collection}/${rkey}`
      expect(creates.map(uriOf).toSorted()).toEqual(made[author]?.toSorted())
      const found = exported.bytes.toString('latin1').match(/of-\d+-the-\d+-post/g) ?? []
      expect(found.toSorted()).toEqual(texts(author).toSorted())
    }
  })
})
