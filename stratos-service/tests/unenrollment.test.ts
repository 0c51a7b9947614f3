import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { verifyRepoCar } from '@atproto/repo'
import { ProofClient, sendRequest, serviceJwt, waitUntil, type Account } from 'test-network'
import { describe, expect, it, vi } from 'vitest'
import { exportCar, readOffline } from './_util/offline.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ENROLLMENT, listPublic } from './_util/public-repo.ts'
import { storedBytes } from './_util/remains.ts'

const network = useNetwork()
/** For what depends on the PDS. */
const PATIENCE_MS = 60_000
vi.setConfig({ testTimeout: 120_000 })

const CREATE = 'com.atproto.repo.createRecord'
const UNENROLL = 'zone.stratos.enrollment.unenroll'

const statusOf = async (did: string) =>
  (await sendRequest('GET', `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`)).body
const write = (client: ProofClient, did: string, text: string, more: object = {}) =>
  client.call('POST', CREATE, {
    body: {
      repo: did,
      collection: POST,
      record: post(network().serviceDid, text, ['general']),
      ...more,
    },
  })

async function newAccount(name: string): Promise<Account> {
  const account = await network().createAccount(`${name}.test`)
  await network().enroll(account)
  return account
}

/** Until nothing waits any more; the tombstone is the last thing to be written. */
async function departed(account: Account): Promise<void> {
  await waitUntil(
    'the departure is complete',
    async () => {
      const bytes = await storedBytes(network())
      return !bytes.includes(`"did":"${account.did}"`) && !bytes.includes('"kind":"unenroll"')
    },
    PATIENCE_MS,
  )
}

describe('enrolling again', () => {
  it('ENR-003: loses nothing of what is there, and changes neither head nor key', async () => {
    const net = network()
    const alice = accountOf(net, 'alice')
    const client = await ProofClient.signIn(net, alice)
    const record = post(net.serviceDid, 'one of fifty', ['general'])
    const writes = Array.from({ length: 50 }, () => ({ action: 'create', collection: POST, record }))
    const batch = await client.call('POST', 'com.atproto.repo.applyWrites', {
      body: { repo: alice.did, writes },
    })
    expect(batch.status).toBe(200)
    const before = await statusOf(alice.did)

    await net.enroll(alice)
    expect(await statusOf(alice.did)).toEqual(before)
    // The head is the one of before: the commit that says so is accepted, and follows it in number.
    const swapCommit = batch.body.commit.cid
    expect((await write(client, alice.did, 'after', { swapCommit })).status).toBe(200)
    const params = { repo: alice.did, collection: POST, limit: 100 }
    expect((await client.call('GET', 'com.atproto.repo.listRecords', { params })).body.records).toHaveLength(
      51,
    )
  })

  it('moves the enrollment record from the keys it had in former times', async () => {
    const net = network()
    const alice = accountOf(net, 'alice')
    const agent = new AtpAgent({ service: net.pdsUrl })
    await agent.login({ identifier: alice.handle, password: alice.password })
    const [current] = await listPublic(net, alice.did, ENROLLMENT)
    const former = { ...current?.value, service: `${net.serviceUrl}/` }
    const elsewhere = { ...current?.value, service: 'https://other.example' }
    for (const [rkey, record] of [
      ['self', former],
      ['3kaaaaaaaaa2a', former],
      ['did:web:other.example', elsewhere],
    ] as const) {
      await agent.com.atproto.repo.putRecord({ repo: alice.did, collection: ENROLLMENT, rkey, record })
    }
    await net.enroll(alice)
    const keys = async () =>
      (await listPublic(net, alice.did, ENROLLMENT)).map(({ uri }) => uri.split('/').at(-1))
    await waitUntil('two are left', async () => (await keys()).length === 2)
    expect((await keys()).toSorted()).toEqual([net.serviceDid.replace('%3A', ':'), 'did:web:other.example'])
  })
})

describe('unenrolling', () => {
  it('ENR-005: leaves nothing in files and databases, nor stubs and enrollment record on the PDS', async () => {
    const net = network()
    const dave = await newAccount('dave')
    const client = await ProofClient.signIn(net, dave)
    const texts = Array.from({ length: 12 }, (_, index) => `xylophone-${index}`)
    const writes = texts.map((text) => ({
      action: 'create',
      collection: POST,
      record: post(net.serviceDid, text, ['general']),
    }))
    await client.call('POST', 'com.atproto.repo.applyWrites', { body: { repo: dave.did, writes } })
    await waitUntil('stubs are there', async () => (await listPublic(net, dave.did, POST)).length === 12)
    const written = await write(client, dave.did, 'xylophone-last')
    expect((await storedBytes(net)).includes('xylophone')).toBe(true)

    const bob = await ProofClient.signIn(net, accountOf(net, 'bob'))
    const read = () =>
      bob.call('POST', 'zone.stratos.repo.hydrateRecords', { body: { uris: [written.body.uri] } })
    expect((await read()).body.records).toHaveLength(1)

    expect((await client.call('POST', UNENROLL, { body: {} })).body).toEqual({ success: true })
    expect((await read()).body).toEqual({ records: [], notFound: [written.body.uri], blocked: [] })
    expect(await statusOf(dave.did)).toEqual({ did: dave.did, enrolled: false })
    await waitUntil('stubs are gone', async () => (await listPublic(net, dave.did, POST)).length === 0)
    await waitUntil(
      'the record is gone',
      async () => (await listPublic(net, dave.did, ENROLLMENT)).length === 0,
    )
    await departed(dave)
    const bytes = await storedBytes(net)
    expect(bytes.includes('xylophone')).toBe(false)
    expect(bytes.includes(written.body.cid)).toBe(false)
  })

  it('ENR-007, TOK-031: lets no credential act any more, and makes no store anew', async () => {
    const net = network()
    const erin = await newAccount('erin')
    const client = await ProofClient.signIn(net, erin)
    await client.call('POST', UNENROLL, { body: {} })
    expect((await write(client, erin.did, 'too late')).body.error).toBe('SessionRequired')
    const authorization = `Bearer ${await serviceJwt(net, erin, CREATE)}`
    const body = { repo: erin.did, collection: POST, record: post(net.serviceDid, 'late', ['general']) }
    const answer = await sendRequest('POST', `${net.serviceUrl}/xrpc/${CREATE}`, {
      headers: { authorization },
      body,
    })
    expect(answer).toMatchObject({ status: 400, body: { error: 'NotEnrolled' } })
    const again = await ProofClient.signIn(net, erin)
    expect((await write(again, erin.did, 'later')).body.error).toBe('NotEnrolled')
    expect((await again.call('POST', UNENROLL, { body: {} })).body.error).toBe('NotEnrolled')
    await departed(erin)
    if (net.postgresUrl === null) {
      const actors = join(net.directory, 'service', 'data', 'actors')
      const names = readdirSync(actors, { recursive: true })
      expect(names.filter((name) => String(name).includes(erin.did))).toEqual([])
    }
  })

  it('is refused to those who are not enrolled, and to anonymous callers', async () => {
    const net = network()
    expect((await sendRequest('POST', `${net.serviceUrl}/xrpc/${UNENROLL}`, { body: {} })).status).toBe(401)
    const frank = await net.createAccount('frank.test')
    const client = await ProofClient.signIn(net, frank)
    expect((await client.call('POST', UNENROLL, { body: {} })).body.error).toBe('NotEnrolled')
  })

  it('can be followed by another enrollment, with another key and an empty repo that counts on', async () => {
    const net = network()
    const grace = await newAccount('grace')
    const before = await statusOf(grace.did)
    const client = await ProofClient.signIn(net, grace)
    const first = await write(client, grace.did, 'first life')
    await client.call('POST', UNENROLL, { body: {} })
    await departed(grace)
    await net.enroll(grace)
    const after = await statusOf(grace.did)
    expect(after.enrolled).toBe(true)
    expect(after.signingKey).not.toBe(before.signingKey)
    const again = await ProofClient.signIn(net, grace)
    const params = { repo: grace.did, collection: POST }
    expect((await again.call('GET', 'com.atproto.repo.listRecords', { params })).body.records).toEqual([])
    const second = await write(again, grace.did, 'second life')
    expect(second.body.commit.rev > first.body.commit.rev).toBe(true)

    await net.stopService()
    const { seqs, car } = await readOffline(net, grace.did, async (stores) => ({
      seqs: (await stores.events.listAfter(0, 10)).map(({ seq }) => seq),
      car: await exportCar(stores),
    }))
    // An empty commit and a post, twice, and a number in between that nobody has, so that followers notice.
    expect(seqs).toEqual([4, 5])
    expect((await verifyRepoCar(car, grace.did, after.signingKey)).creates).toHaveLength(1)
    await net.restartService()
  })
})
