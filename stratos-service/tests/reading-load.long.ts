import { readFileSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { ProofClient, type Network } from 'test-network'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAppView, type AppView } from './_util/appview.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const RECORDS = 100_000
const MIB = 1024 * 1024

let appview: AppView
const network = useNetwork(async () => {
  appview = await startAppView()
  return {
    enrolled: true,
    serviceEnv: {
      STRATOS_ALLOWED_APPVIEWS: appview.did,
      STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
      STRATOS_STUBS: 'off',
      STRATOS_LOG_LEVEL: 'warn',
    },
  }
})
afterAll(() => appview.close())

const uris: string[] = []
let alice: ProofClient
let bob: ProofClient

beforeAll(async () => {
  const net = network()
  const account = accountOf(net, 'alice')
  alice = await ProofClient.signIn(net, account)
  bob = await ProofClient.signIn(net, accountOf(net, 'bob'))
  for (let done = 0; done < RECORDS; done += 200) {
    const writes = Array.from({ length: 200 }, (_, index) => ({
      ...{ action: 'create', collection: POST },
      record: post(net.serviceDid, `number ${done + index} of many`, ['general']),
    }))
    const body = { repo: account.did, writes }
    const answer = await alice.call('POST', 'com.atproto.repo.applyWrites', { body })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.bytes.toString()}`)
    if (uris.length < 100) uris.push(...answer.body.results.map(({ uri }: { uri: string }) => uri))
  }
}, 900_000)

it('SYN-009: five exports of a hundred thousand records at a time, again and again, grow the service by less than 64 MiB', async () => {
  const url = alice.url('zone.stratos.sync.getRepo', { did: accountOf(network(), 'alice').did })
  const five = () => Promise.all(Array.from({ length: 5 }, () => exportOnce(url)))
  const before = processOf(network()).residentBytes
  let most = before
  const watching = setInterval(() => (most = Math.max(most, processOf(network()).residentBytes)), 20)
  const sizes = [...(await five()), ...(await five()), ...(await five())]
  clearInterval(watching)
  expect(new Set(sizes).size).toBe(1)
  expect(sizes[0]).toBeGreaterThan(RECORDS * 200)
  expect(most - before).toBeLessThan(64 * MIB)
}, 600_000)

it('HYD-009: hydrating a hundred records again and again opens no more files and keeps answering', async () => {
  const body = { uris: uris.slice(0, 100) }
  const hydrate = () => bob.call('POST', 'zone.stratos.repo.hydrateRecords', { body })
  await Promise.all(Array.from({ length: 10 }, hydrate))
  const before = processOf(network()).files
  for (let round = 0; round < 60; round++) {
    const answers = await Promise.all(Array.from({ length: 50 }, hydrate))
    for (const { status, body: answer } of answers) {
      expect(status).toBe(200)
      expect(answer.records).toHaveLength(100)
    }
  }
  // Connections of this client stay open.
  expect(processOf(network()).files - before).toBeLessThanOrEqual(60)
}, 600_000)

function exportOnce(url: string): Promise<number> {
  const headers = { authorization: `DPoP ${alice.token}`, dpop: alice.proof('GET', url) }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers }, (incoming) => {
      let bytes = 0
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
      incoming.once('error', reject)
      incoming.once('end', () =>
        incoming.statusCode === 200
          ? resolve(bytes)
          : reject(new Error(`answered with ${incoming.statusCode}`)),
      )
    })
    outgoing.once('error', reject)
    outgoing.end()
  })
}

function processOf({ service: { pid } }: Network) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return {
    residentBytes: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
  }
}
