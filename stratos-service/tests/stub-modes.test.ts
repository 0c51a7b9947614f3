import { AtpAgent } from '@atproto/api'
import { ProofClient, waitUntil, type Network } from 'test-network'
import { describe, expect, it } from 'vitest'
import { callAs, enrollMadeUp, makeUpAccount, type MadeUpAccount } from './_util/made-up-account.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ENROLLMENT } from './_util/public-repo.ts'
import type { Page } from './_util/web-identity.ts'

const BATCH_MS = 8_000
const PUT = '/xrpc/com.atproto.repo.putRecord'

async function stubsOf(network: Network, did: string) {
  const agent = new AtpAgent({ service: network.pdsUrl })
  const { data } = await agent.com.atproto.repo.listRecords({ repo: did, collection: POST, limit: 100 })
  return data.records
}

async function commitOf(network: Network, did: string): Promise<string> {
  const agent = new AtpAgent({ service: network.pdsUrl })
  return (await agent.com.atproto.sync.getLatestCommit({ did })).data.rev
}

/** A client of one account, and what it writes. */
async function writer(network: Network, name: string) {
  const { did } = accountOf(network, name)
  const client = await ProofClient.signIn(network, accountOf(network, name))
  const call = (method: string, body: object) =>
    client.call('POST', `com.atproto.repo.${method}`, { body: { repo: did, collection: POST, ...body } })
  const record = (text: string, more: object = {}) => post(network.serviceDid, text, ['general'], more)
  return { did, client, call, record }
}

describe('STRATOS_STUBS=off', () => {
  const network = useNetwork({ enrolled: true, serviceEnv: { STRATOS_STUBS: 'off' } })

  it('STB-007, CRY-009: writes nothing to the PDS, and everything else works', async () => {
    const net = network()
    const { did, client, call, record } = await writer(net, 'alice')
    const before = await commitOf(net, did)
    const made = await call('createRecord', { record: record('quiet') })
    const rkey = made.body.uri.split('/').at(-1)
    expect((await call('putRecord', { rkey, record: record('quieter') })).status).toBe(200)
    const params = { repo: did, collection: POST, rkey }
    const found = await client.call('GET', 'com.atproto.repo.getRecord', { params })
    expect(found.body.value.text).toBe('quieter')
    expect((await call('deleteRecord', { rkey })).status).toBe(200)
    // A stop lets go out what is under way, a start takes up what is left.
    await net.restartService()
    expect(await commitOf(net, did)).toBe(before)
  })
})

describe('STRATOS_STUBS=minimal', () => {
  const network = useNetwork({
    enrolled: true,
    serviceEnv: { STRATOS_STUBS: 'minimal', STRATOS_STUB_BATCH_MS: String(BATCH_MS) },
  })

  it('writes stubs that were wished for at different times together, and dates them alike', async () => {
    const net = network()
    const { did, call, record } = await writer(net, 'alice')
    // A fresh interval: whatever comes now has the whole of it before it.
    await call('createRecord', { record: record('first') })
    await waitUntil('a batch has gone out', async () => (await stubsOf(net, did)).length === 1)
    const startedAtMs = Date.now()
    const dates = ['2026-01-15T12:00:01.001Z', '2026-01-15T12:00:02.500Z', '2026-01-15T12:00:03.999Z']
    const gone = await call('createRecord', { record: record('short-lived') })
    for (const createdAt of dates) {
      const answer = await call('createRecord', { record: record('x', { createdAt }) })
      expect(answer.status).toBe(200)
    }
    await call('deleteRecord', { rkey: gone.body.uri.split('/').at(-1) })
    // The writes took no time that counts, unless the machine is very slow; then there is nothing to see.
    const early = await stubsOf(net, did)
    if (Date.now() - startedAtMs < BATCH_MS / 2) expect(early).toHaveLength(1)
    await waitUntil('the next one has, too', async () => (await stubsOf(net, did)).length === 4)
    const stubs = (await stubsOf(net, did)).map(({ value }) => value as { createdAt: string; source: object })
    const sameDates = stubs.filter(({ createdAt }) => createdAt === '2026-01-15T12:00:00.000Z')
    expect(sameDates).toHaveLength(4)
    for (const stub of stubs) expect(Object.keys(stub).toSorted()).toEqual(['$type', 'createdAt', 'source'])
  })
})

describe('STRATOS_STUBS=full', () => {
  const network = useNetwork()

  it('STB-001, STB-003: a stub names its record and nothing else, and the last of many changes of a key counts', async () => {
    const net = network()
    const { did, call, record } = await writer(net, 'alice')
    const rkey = '3kssssssssss2'
    await call('putRecord', { rkey, record: record('one') })
    await call('deleteRecord', { rkey })
    const last = await call('putRecord', { rkey, record: record('two') })
    await waitUntil('the stub is that of the last', async () =>
      JSON.stringify(await stubsOf(net, did)).includes(last.body.cid),
    )
    const [stub, ...more] = await stubsOf(net, did)
    expect(more).toEqual([])
    expect(stub?.value).toEqual({
      $type: POST,
      source: {
        vary: 'authenticated',
        subject: { uri: last.body.uri, cid: last.body.cid },
        service: `${net.serviceDid}#atproto_pns`,
      },
      createdAt: '2026-01-15T12:00:00.000Z',
    })
    await call('deleteRecord', { rkey })
    await waitUntil('the stub is gone', async () => (await stubsOf(net, did)).length === 0)
  })

  it('STB-005: a record is not affected by what its author does to the stub, which is written again with the record', async () => {
    const net = network()
    const account = accountOf(net, 'bob')
    const { did, client, call, record } = await writer(net, 'bob')
    const made = await call('createRecord', { record: record('mine') })
    await waitUntil('there is a stub', async () => (await stubsOf(net, did)).length === 1)
    const rkey = made.body.uri.split('/').at(-1)
    const agent = await net.appPasswordAgent(account)
    await agent.com.atproto.repo.deleteRecord({ repo: did, collection: POST, rkey })
    const params = { repo: did, collection: POST, rkey }
    const found = await client.call('GET', 'com.atproto.repo.getRecord', { params })
    expect([found.status, found.body.cid]).toEqual([200, made.body.cid])
    expect(await stubsOf(net, did)).toEqual([])
    await call('putRecord', { rkey, record: record('mine, changed') })
    await waitUntil('it is written again', async () => (await stubsOf(net, did)).length === 1)
  })

  it('FLT-009, FLT-011: PDSes that hang or are down hold up nobody else, and get everything once they are back', async () => {
    const net = network()
    const [hanging, down] = await Promise.all([makeUpAccount(), makeUpAccount()])
    const put = new Map<string, string[]>()
    const takesRecords: (account: MadeUpAccount) => Page = (account) => (_req, body) => {
      const { collection, rkey } = JSON.parse(body) as { collection: string; rkey: string }
      put.set(account.did, [...(put.get(account.did) ?? []), `${collection}/${rkey}`])
      return { json: { uri: `at://${account.did}/${collection}/${rkey}`, cid: 'bafyreia' } }
    }
    // Stubs that the PDS was asked to take, and those whose sender has lost patience.
    let [asked, givenUp] = [0, 0]
    const isSilent: Page = (req, body) => {
      if (!body.includes(POST)) return null
      asked += 1
      req.socket.once('close', () => (givenUp += 1))
      return null
    }
    for (const { pages } of [hanging, down]) {
      pages.set(PUT, isSilent)
      pages.set('/xrpc/com.atproto.repo.listRecords', () => ({ json: { records: [] } }))
    }
    for (const account of [hanging, down]) {
      expect((await enrollMadeUp(net, account)).body).toMatchObject({ did: account.did, enrolled: true })
    }
    await down.suspend()
    const { did, call, record } = await writer(net, 'bob')
    const wrote = new Map<string, string[]>()
    const write = async (account: MadeUpAccount) => {
      const body = { repo: account.did, collection: POST, record: record('a number') }
      const made = await callAs(net, account, 'POST', 'com.atproto.repo.createRecord', { body })
      expect(made.status).toBe(200)
      const key: string = made.body.uri.split('/').slice(3).join('/')
      wrote.set(account.did, [...(wrote.get(account.did) ?? []), key])
    }
    await write(hanging)
    await waitUntil('somebody waits for the PDS that hangs', () => asked > 0)
    const made = await call('createRecord', { record: record('in between') })
    await waitUntil('others have their stub', async () =>
      JSON.stringify(await stubsOf(net, did)).includes(made.body.cid),
    )
    expect(givenUp).toBe(0)
    for (const account of [hanging, down, hanging, down, hanging, down, hanging, down, down]) {
      await write(account)
    }

    for (const account of [hanging, down]) account.pages.set(PUT, takesRecords(account))
    await down.resume()
    for (const account of [hanging, down]) {
      const stubs = () => put.get(account.did)?.filter((key) => key.startsWith(POST)) ?? []
      await waitUntil('all is made up for', () => stubs().length >= 5, 90_000)
      expect(stubs()).toEqual(wrote.get(account.did))
      const isPublished = () => put.get(account.did)?.some((key) => key.startsWith(ENROLLMENT)) === true
      await waitUntil('the enrollment is published', isPublished, 90_000)
      await account.close()
    }
  })
})
