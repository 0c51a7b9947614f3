import { ProofClient } from 'test-network'
import { expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_WRITE_RATE_MAX_WRITES: '5',
    STRATOS_WRITE_RATE_MAX_FAILURES: '8',
    STRATOS_WRITE_RATE_COOLDOWN_MS: '60000',
  },
})

it('LIM-001, AWR-009: tells writers what they have left, counts every write of a batch, and asks those who exceed it to wait', async () => {
  const net = network()
  const { did } = accountOf(net, 'alice')
  const alice = await ProofClient.signIn(net, accountOf(net, 'alice'))
  const record = post(net.serviceDid, 'x', ['general'])
  const create = () =>
    alice.call('POST', 'com.atproto.repo.createRecord', { body: { repo: did, collection: POST, record } })
  const batch = (size: number) =>
    alice.call('POST', 'com.atproto.repo.applyWrites', {
      body: { repo: did, writes: Array(size).fill({ action: 'create', collection: POST, record }) },
    })

  const first = await create()
  expect(first.headers).toMatchObject({
    'ratelimit-limit': '5',
    'ratelimit-remaining': '4',
    'ratelimit-policy': '5;w=60',
  })
  expect((await batch(3)).headers['ratelimit-remaining']).toBe('1')

  const refused = await batch(2)
  expect([refused.status, refused.body.error]).toEqual([429, 'RateLimitExceeded'])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
  expect(refused.headers['ratelimit-remaining']).toBe('0')
  expect((await create()).status).toBe(429)
  const { body } = await alice.call('GET', 'com.atproto.repo.listRecords', {
    params: { repo: did, collection: POST },
  })
  expect(body.records).toHaveLength(4)

  const bob = await ProofClient.signIn(net, accountOf(net, 'bob'))
  const own = { repo: accountOf(net, 'bob').did, collection: POST, record }
  expect((await bob.call('POST', 'com.atproto.repo.createRecord', { body: own })).status).toBe(200)
})

it('LIM-003: counts refused writes against a limit of their own, and not against that of writes', async () => {
  const net = network()
  const { did } = accountOf(net, 'carol')
  const carol = await ProofClient.signIn(net, accountOf(net, 'carol'))
  const create = (names: readonly string[]) =>
    carol.call('POST', 'com.atproto.repo.createRecord', {
      body: { repo: did, collection: POST, record: post(net.serviceDid, 'x', names) },
    })
  for (let refusal = 0; refusal < 6; refusal += 1) expect((await create(['general'])).status).toBe(400)
  expect((await create(['other'])).headers['ratelimit-remaining']).toBe('4')
  for (let refusal = 0; refusal < 3; refusal += 1) expect((await create(['general'])).status).toBe(400)
  const throttled = await create(['other'])
  expect([throttled.status, throttled.body.error]).toEqual([429, 'RateLimitExceeded'])
  expect(Number(throttled.headers['retry-after'])).toBeGreaterThan(50)
})
