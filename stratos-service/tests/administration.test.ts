import { ProofClient, sendRequest, waitUntil } from 'test-network'
import { expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

const listJobs = (params: Record<string, string> = {}, password = network().adminPassword) =>
  sendRequest(
    'GET',
    `${network().serviceUrl}/xrpc/zone.stratos.admin.listJobs?${new URLSearchParams(params)}`,
    {
      headers: { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` },
    },
  )

it('shows an operator what waits for the PDSes, and nobody else', async () => {
  const net = network()
  const { did } = accountOf(net, 'alice')
  const alice = await ProofClient.signIn(net, accountOf(net, 'alice'))
  const record = post(net.serviceDid, 'private words', ['general'])
  const writes = Array(150).fill({ action: 'create', collection: POST, record })
  await alice.call('POST', 'com.atproto.repo.applyWrites', { body: { repo: did, writes } })

  const page = await listJobs({ limit: '10', did })
  expect(page.status).toBe(200)
  expect(page.body.jobs).toHaveLength(10)
  expect(page.body.jobs[0]).toEqual({
    queue: 'stub',
    did,
    key: expect.stringMatching(`^${POST}/`),
    state: 'waiting',
    attempts: 0,
    nextAttemptAt: expect.any(String),
  })
  expect(page.bytes.toString()).not.toContain('private words')
  expect((await listJobs({ state: 'given-up' })).body).toEqual({ jobs: [] })
  expect((await listJobs({ state: 'lost' })).status).toBe(400)
  expect((await listJobs({ cursor: 'not a DID' })).status).toBe(400)
  expect((await listJobs({}, 'wrong')).status).toBe(401)
  expect((await alice.call('GET', 'zone.stratos.admin.listJobs')).status).toBe(401)

  await waitUntil('the queue is dry', async () => (await listJobs({ did })).body.jobs.length === 0)
})
