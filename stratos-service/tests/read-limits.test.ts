import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { ProofClient, sendRequest, waitUntil, type Answer } from 'test-network'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAppView, type AppView } from './_util/appview.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { startWebIdentity, type WebIdentity } from './_util/web-identity.ts'

const PER_NETWORK = 100
const PER_ACCOUNT = 400
const PER_SERVICE = 450
/** Of one account. */
const MAX_EXPORTS = 5

let appview: AppView
/** Another one. */
let leaver: WebIdentity
const network = useNetwork(async () => {
  appview = await startAppView()
  leaver = await startWebIdentity()
  return {
    enrolled: true,
    serviceEnv: {
      STRATOS_ALLOWED_APPVIEWS: `${appview.did},${leaver.did}`,
      STRATOS_ANONYMOUS_READS_PER_MINUTE: String(PER_NETWORK),
      STRATOS_READS_PER_MINUTE: String(PER_ACCOUNT),
      STRATOS_SERVICE_READS_PER_MINUTE: String(PER_SERVICE),
      STRATOS_BODY_IDLE_TIMEOUT_MS: '4000',
      STRATOS_WRITE_RATE_MAX_WRITES: '100000',
    },
  }
})
afterAll(async () => {
  appview.close()
  await leaver.close()
})

const LIST = 'com.atproto.repo.listRecords'
const clients = {} as Record<'alice' | 'bob' | 'carol', ProofClient>
beforeAll(async () => {
  for (const name of ['alice', 'bob', 'carol'] as const)
    clients[name] = await ProofClient.signIn(network(), accountOf(network(), name))
})

async function exhaust(read: () => Promise<Answer>, limit: number): Promise<void> {
  // Starting the network may have used some of it.
  let left = Number((await read()).headers['ratelimit-remaining'])
  expect(left).toBeGreaterThan(limit / 2)
  while (left > 0) {
    left -= 1
    const { status, headers } = await read()
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'ratelimit-limit': String(limit),
      'ratelimit-remaining': String(left),
      'ratelimit-policy': `${limit};w=60`,
    })
  }
  const refused = await read()
  expect([refused.status, refused.body.error]).toEqual([429, 'RateLimitExceeded'])
  expect(String(refused.headers['retry-after'])).toMatch(/^[1-9]\d*$/)
  expect(refused.headers['ratelimit-remaining']).toBe('0')
  expect(Number(refused.headers['ratelimit-reset'])).toBeGreaterThan(Date.now() / 1000 - 1)
}

it('LIM-005: reads are limited for each network, account and service apart, and hydration is a read', async () => {
  const params = { repo: accountOf(network(), 'bob').did, collection: POST }
  const hydrated = { body: { uris: [`at://${params.repo}/${POST}/3kaaaaaaaaaa2`] } }
  await exhaust(() => sendRequest('GET', clients.bob.url(LIST, params)), PER_NETWORK)
  const nsid = 'zone.stratos.repo.hydrateRecords'
  expect((await sendRequest('POST', clients.bob.url(nsid), hydrated)).status).toBe(429)

  await exhaust(() => clients.carol.call('GET', LIST, { params }), PER_ACCOUNT)
  expect((await clients.carol.call('POST', nsid, hydrated)).status).toBe(429)
  const record = post(network().serviceDid, 'writes are counted apart', ['other'])
  const body = { repo: accountOf(network(), 'carol').did, collection: POST, record }
  expect((await clients.carol.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)

  await exhaust(() => appview.call(network(), 'GET', LIST, { params }), PER_SERVICE)
  expect((await clients.bob.call('GET', LIST, { params })).status).toBe(200)
})

it('SYN-011: whoever asks and never reads the answer is cut off, holds up no writer and no reader, and costs little memory', async () => {
  const { did } = accountOf(network(), 'alice')
  // More than what the system keeps for both ends of a connection.
  for (let batch = 0; batch < 12; batch++) {
    const writes = Array.from({ length: 9 }, (_, at) => ({
      ...{ action: 'create', collection: POST },
      record: post(network().serviceDid, `${batch}-${at}`, ['general'], { more: 'x'.repeat(200_000) }),
    }))
    const body = { repo: did, writes }
    const { status } = await clients.alice.call('POST', 'com.atproto.repo.applyWrites', { body })
    expect(status).toBe(200)
  }
  const params = { did }
  const nsid = 'zone.stratos.sync.getRepo'
  const url = new URL(clients.alice.url(nsid, params))
  const { headers } = await clients.alice.call('GET', 'com.atproto.sync.getLatestCommit', { params })
  clients.alice.nonce = String(headers['dpop-nonce'])

  const before = residentBytes()
  const deaf: Socket[] = []
  for (let count = 0; count < MAX_EXPORTS; count++) {
    const socket = connect(Number(url.port), '127.0.0.1').pause()
    socket.on('error', () => undefined)
    socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n` +
        `Authorization: DPoP ${clients.alice.token}\r\nDPoP: ${clients.alice.proof('GET', url.href)}\r\n\r\n`,
    )
    deaf.push(socket)
  }
  // Without reading it: that would take longer than the others are given.
  const statusOfHers = async () => {
    const leaving = new AbortController()
    const authorization = `DPoP ${clients.alice.token}`
    const headers = { authorization, dpop: clients.alice.proof('GET', url.href) }
    const { status } = await fetch(url, { headers, signal: leaving.signal })
    leaving.abort()
    return status
  }
  await waitUntil('taking all places of an account', async () => (await statusOfHers()) === 429)
  const own = { params: { did: accountOf(network(), 'bob').did } }
  expect((await clients.bob.call('GET', nsid, own)).status).toBe(200)
  const body = { repo: did, collection: POST, record: post(network().serviceDid, 'meanwhile', ['general']) }
  expect((await clients.alice.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
  expect(residentBytes() - before).toBeLessThan(64 * 1024 * 1024)

  await waitUntil('getting the places back', async () => (await statusOfHers()) === 200)
  for (const socket of deaf) socket.destroy()
})

it('LIM-005: whoever does not take what they ask for gets no more, and fills no memory', async () => {
  const params = { repo: accountOf(network(), 'alice').did, collection: POST, limit: 100 }
  const url = new URL(clients.bob.url(LIST, params))
  const ask = async () => (await clients.bob.call('GET', LIST, { params: { ...params, limit: 1 } })).status
  expect(await ask()).toBe(200)
  const before = residentBytes()
  const deaf: Socket[] = []
  while (deaf.length < 10 && (await ask()) === 200) {
    const socket = connect(Number(url.port), '127.0.0.1').pause()
    socket.on('error', () => undefined)
    // The first ones are what the system keeps for both ends of the connection.
    const requests = Array.from({ length: 20 }, () => {
      const proof = clients.bob.proof('GET', url.href)
      const headers = `Host: ${url.host}\r\nAuthorization: DPoP ${clients.bob.token}\r\nDPoP: ${proof}`
      return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${headers}\r\n\r\n`
    })
    socket.write(requests.join(''))
    deaf.push(socket)
  }
  expect(deaf.length).toBeLessThan(10)
  // Who has made no reads yet in this minute but those above is bob alone; the others write.
  const record = post(network().serviceDid, 'others go on', ['other'])
  const body = { repo: accountOf(network(), 'carol').did, collection: POST, record }
  expect((await clients.carol.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
  expect(residentBytes() - before).toBeLessThan(96 * 1024 * 1024)
  for (const socket of deaf) socket.destroy()
  await waitUntil('their end', async () => (await ask()) === 200)
})

it('whoever leaves before their export has begun keeps no place', async () => {
  const nsid = 'zone.stratos.sync.getRepo'
  const url = clients.bob.url(nsid, { did: accountOf(network(), 'bob').did })
  const { json } = leaver.pages.get('/.well-known/did.json')?.(undefined as never, '') ?? { json: {} }
  const gate = Promise.withResolvers<void>()
  leaver.pages.set('/.well-known/did.json', () => ({ json, after: gate.promise }))
  const begin = async (signal?: AbortSignal) => {
    const exp = Math.floor(Date.now() / 1000) + 60
    const token = await leaver.account.serviceJwt({ aud: network().serviceDid, lxm: nsid, exp })
    const headers = { authorization: `Bearer ${token}` }
    return fetch(url, { headers, ...(signal === undefined ? {} : { signal }) })
  }
  const leaving = new AbortController()
  const left = Array.from({ length: 12 }, () => begin(leaving.signal).catch(() => undefined))
  await waitUntil('looking for the key', () => leaver.asked.length > 0)
  await sendRequest('GET', `${network().serviceUrl}/health`)
  leaving.abort()
  await Promise.all(left)
  await sendRequest('GET', `${network().serviceUrl}/health`)
  gate.resolve()
  await waitUntil('an export', async () => {
    const answer = await begin()
    await answer.arrayBuffer()
    return answer.status === 200
  })
})

function residentBytes(): number {
  const status = readFileSync(`/proc/${network().service.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}
