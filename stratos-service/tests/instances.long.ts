import { AtpAgent } from '@atproto/api'
import { ProofClient, waitUntil, type Answer, type Instance } from 'test-network'
import { beforeAll, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { exportCar, readOffline } from './_util/offline.ts'
import { POST, post } from './_util/post.ts'
import { verifyRepoCar } from '@atproto/repo'

const MAX_WRITES = 400
const network = useNetwork({
  storage: 'postgres',
  layout: 'shared',
  enrolled: true,
  serviceEnv: { STRATOS_WRITE_RATE_MAX_WRITES: String(MAX_WRITES), STRATOS_WRITE_RATE_COOLDOWN_MS: '60000' },
})
let second: Instance
beforeAll(async () => {
  second = await network().startInstance()
})

interface Person {
  readonly did: string
  /** Sends a request to the first instance or to the other one. */
  call(which: number, nsid: string, body: object): Promise<Answer>
}

async function person(name: string): Promise<Person> {
  const net = network()
  const account = accountOf(net, name)
  const client = await ProofClient.signIn(net, account)
  return {
    did: account.did,
    call: async (which, nsid, body) => {
      const url = client.url(nsid)
      const to = which % 2 === 0 ? url : url.replace(net.serviceUrl, second.url)
      return client.send('POST', to, { body, headers: { dpop: client.proof('POST', url) } })
    },
  }
}

const record = (text: string) => post(network().serviceDid, text, ['general'])
const create = ({ did, call }: Person, which: number, text: string, more: object = {}) =>
  call(which, 'com.atproto.repo.createRecord', { repo: did, collection: POST, record: record(text), ...more })

async function publicly(did: string): Promise<string[]> {
  const agent = new AtpAgent({ service: network().pdsUrl })
  const uris: string[] = []
  let cursor: string | undefined
  do {
    const query = { repo: did, collection: POST, limit: 100, cursor }
    const { data } = await agent.com.atproto.repo.listRecords(query)
    uris.push(...data.records.map(({ uri }) => uri))
    cursor = data.cursor
  } while (cursor !== undefined)
  return uris.toSorted()
}

it('RAC-005, RAC-013: a hundred creates over both instances are all kept, under one key, and each gets its stub', async () => {
  const alice = await person('alice')
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => create(alice, index, `n ${index}`)),
  )
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  const revs = answers.map(({ body }) => body.commit.rev)
  expect(new Set(revs).size).toBe(100)
  const uris = answers.map(({ body }) => body.uri).toSorted()
  await waitUntil('all stubs are there', async () => (await publicly(alice.did)).length === 100, 120_000)
  expect(await publicly(alice.did)).toEqual(uris)
}, 180_000)

it('RAC-003: of fifty puts on both instances that expect the same record one succeeds, and of fifty on one head', async () => {
  const alice = await person('alice')
  const made = await create(alice, 0, 'first')
  const rkey = made.body.uri.split('/').at(-1)
  const key = { repo: alice.did, collection: POST, rkey, swapRecord: made.body.cid }
  const puts = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      alice.call(index, 'com.atproto.repo.putRecord', { ...key, record: record(`put ${index}`) }),
    ),
  )
  expect(puts.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(new Set(puts.map(({ status, body }) => body.error ?? status))).toEqual(new Set([200, 'InvalidSwap']))

  const swapCommit = puts.find(({ status }) => status === 200)?.body.commit.cid
  const creates = await Promise.all(
    Array.from({ length: 50 }, (_, index) => create(alice, index, `c ${index}`, { swapCommit })),
  )
  expect(creates.filter(({ status }) => status === 200)).toHaveLength(1)
})

it('a write rate holds for both instances together', async () => {
  const bob = await person('bob')
  const batch = (which: number) => {
    const writes = Array.from({ length: 100 }, () => ({
      action: 'create',
      collection: POST,
      record: record('x'),
    }))
    return bob.call(which, 'com.atproto.repo.applyWrites', { repo: bob.did, writes })
  }
  const statuses: number[] = []
  for (let which = 0; which < 5; which += 1) statuses.push((await batch(which)).status)
  expect(statuses).toEqual([200, 200, 200, 200, 429])
}, 120_000)

it('what an instance has acknowledged before it dies is kept, and the other one writes the stubs', async () => {
  const net = network()
  const carol = await person('carol')
  const text = (index: number) => ({
    ...record(`c ${index}`),
    boundary: post(net.serviceDid, '', ['other']).boundary,
  })
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      carol.call(1, 'com.atproto.repo.createRecord', {
        repo: carol.did,
        collection: POST,
        record: text(index),
      }),
    ),
  )
  await second.stop('SIGKILL')
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  const uris = answers.map(({ body }) => body.uri).toSorted()
  await waitUntil(
    'the other one has written them',
    async () => (await publicly(carol.did)).length === 30,
    90_000,
  )
  expect(await publicly(carol.did)).toEqual(uris)

  const status = await fetch(`${net.serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${carol.did}`)
  const { signingKey } = (await status.json()) as { signingKey: string }
  await net.stopService()
  const car = await readOffline(net, carol.did, exportCar)
  const { creates } = await verifyRepoCar(car, carol.did, signingKey)
  expect(creates).toHaveLength(30)
}, 150_000)
