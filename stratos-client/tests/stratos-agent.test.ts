import { AtpAgent } from '@atproto/api'
import { startNetwork, type Network } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  buildStratosScopes,
  createStratosAgent,
  createStratosFetchHandler,
  discoverEnrollment,
  discoverEnrollments,
  fetchServiceDid,
  findStratosClientError,
  getEnrollmentByServiceDid,
} from '../src/index.ts'

const COLLECTION = 'zone.stratos.feed.post'

let network: Network
beforeAll(async () => {
  network = await startNetwork({ enrolled: true })
}, 120_000)
afterAll(() => network?.close())

const account = (name: string) => network.accounts.find(({ handle }) => handle === `${name}.test`)!
const scope = () => buildStratosScopes({ serviceDid: network.serviceDid, collections: [] }).join(' ')

async function oauthAgent(name: string) {
  const signedIn = await network.oauthSession(account(name), scope())
  return { ...signedIn, agent: createStratosAgent(signedIn.session, network.serviceUrl) }
}

const post = (text: string, boundary: string) => ({
  $type: COLLECTION,
  text,
  boundary: { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: boundary }] },
  createdAt: new Date().toISOString(),
})
const writers = () => `${network.serviceDid}/writers`

async function write(agent: ReturnType<typeof createStratosAgent>, text: string) {
  const repo = agent.assertDid
  const { data } = await agent.com.atproto.repo.createRecord({
    repo,
    collection: COLLECTION,
    record: post(text, writers()),
  })
  return { repo, collection: COLLECTION, rkey: data.uri.split('/').at(-1)! }
}

describe('an OAuth session', () => {
  it('writes and reads on the service without any preparation', async () => {
    const { agent } = await oauthAgent('alice')
    const address = await write(agent, 'from a fresh session')
    const { data } = await agent.com.atproto.repo.getRecord(address)
    expect(data.value).toMatchObject({ text: 'from a fresh session' })
  })

  it('leaves a stub on the PDS, and not a word of the text', async () => {
    const { agent } = await oauthAgent('alice')
    const address = await write(agent, 'confidential-4711')
    const pds = new AtpAgent({ service: network.pdsUrl })
    const hasStub = () =>
      pds.com.atproto.repo.getRecord(address).then(
        ({ data }) => 'source' in data.value,
        () => false,
      )
    await expect.poll(hasStub, { timeout: 15_000 }).toBe(true)
    const repo = await pds.com.atproto.sync.getRepo({ did: address.repo })
    expect(Buffer.from(repo.data).includes('confidential')).toBe(false)
  })

  it('reads what shares a boundary, and finds nothing elsewhere', async () => {
    const { agent: alice } = await oauthAgent('alice')
    const address = await write(alice, 'for writers')
    const { agent: bob } = await oauthAgent('bob')
    expect((await bob.com.atproto.repo.getRecord(address)).data.value).toMatchObject({ text: 'for writers' })
    const { agent: carol } = await oauthAgent('carol')
    await expect(carol.com.atproto.repo.getRecord(address)).rejects.toMatchObject({ error: 'RecordNotFound' })
    const list = await carol.com.atproto.repo.listRecords({ repo: address.repo, collection: COLLECTION })
    expect(list.data.records).toEqual([])
  })

  it('serves many calls that start together with an unknown key', async () => {
    const { agent } = await oauthAgent('alice')
    const addresses = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => write(agent, text)))
    expect(new Set(addresses.map(({ rkey }) => rkey)).size).toBe(5)
  })

  it('registers its key again after the service has dropped it, and stays signed in', async () => {
    const { agent, session, sessionStore } = await oauthAgent('alice')
    await write(agent, 'before')
    const call = createStratosFetchHandler(session, network.serviceUrl)
    const dropped = await call('/xrpc/zone.stratos.server.deleteSession', { method: 'POST' })
    expect(dropped.status).toBe(200)
    await write(agent, 'after')
    expect(sessionStore.entries.size).toBe(1)
  })

  it('keeps working after its tokens were refreshed', async () => {
    const { agent, session } = await oauthAgent('alice')
    await write(agent, 'before')
    await session.getTokenInfo(true)
    await write(agent, 'after')
  })

  it('says so when it was not granted the right to identify the user', async () => {
    const { session, sessionStore } = await network.oauthSession(account('alice'), 'atproto')
    const agent = createStratosAgent(session, network.serviceUrl)
    const failure = await write(agent, 'never').then(
      () => null,
      (err: unknown) => findStratosClientError(err),
    )
    expect(failure).toMatchObject({ code: 'MissingScope', status: 403 })
    expect(sessionStore.entries.size).toBe(1)
  })
})

describe('an app password', () => {
  it('creates, reads, lists and deletes', async () => {
    const session = await network.appPasswordAgent(account('alice'))
    const agent = createStratosAgent(session, network.serviceUrl)
    const address = await write(agent, 'by password')
    expect((await agent.com.atproto.repo.getRecord(address)).data.value).toMatchObject({
      text: 'by password',
    })
    const { repo, collection } = address
    const uris = async () =>
      (await agent.com.atproto.repo.listRecords({ repo, collection })).data.records.map(({ uri }) => uri)
    expect(await uris()).toContain(`at://${repo}/${collection}/${address.rkey}`)
    await agent.com.atproto.repo.deleteRecord(address)
    expect(await uris()).not.toContain(`at://${repo}/${collection}/${address.rkey}`)
  })
})

describe('discovery', () => {
  it('finds the enrollment that the service has published', async () => {
    const { did, boundaries } = account('alice')
    await expect
      .poll(async () => (await discoverEnrollment(did, network.pdsUrl))?.boundaries.length, {
        timeout: 10_000,
      })
      .toBe(2)
    const enrollment = await getEnrollmentByServiceDid(did, network.pdsUrl, network.serviceDid)
    expect(enrollment?.service).toBe(network.serviceUrl)
    expect(enrollment?.boundaries.map(({ value }) => value)).toEqual(boundaries)
    expect(enrollment?.attestation.sig).toBeInstanceOf(Uint8Array)
    expect(await discoverEnrollments(did, network.pdsUrl)).toEqual([enrollment])
  })

  it('finds none of someone who is not enrolled', async () => {
    const { did } = await network.createAccount('dave.test')
    expect(await discoverEnrollments(did, network.pdsUrl)).toEqual([])
    expect(await getEnrollmentByServiceDid(did, network.pdsUrl, network.serviceDid)).toBeNull()
  })

  it('learns the DID of the service from the service', async () => {
    expect(await fetchServiceDid(network.serviceUrl)).toBe(network.serviceDid)
  })
})
