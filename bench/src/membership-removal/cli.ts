#!/usr/bin/env node
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { ProofClient, serviceJwt, startNetwork, waitUntil, type Account, type Network } from 'test-network'
import { WebSocket } from 'ws'
import { percentile, significant } from '../statistics.ts'
import { Probe } from './probe.ts'

/**
 * Measures how long a member who loses a boundary still gets what is behind it, from the answer to the operator on; see
 * bench/README.md.
 */
const POST = 'zone.stratos.feed.post'
const CANARY = 'canary-of-a-removal'
/** Nothing comes back after a route has hidden it once; this long all of them are watched. */
const SILENCE_MS = 1_000
const storage = process.argv.includes('--sqlite') ? 'sqlite' : 'postgres'
const trials = Number(process.argv.find((arg) => /^\d+$/.test(arg)) ?? 200)

const network = await startNetwork({
  enrolled: true,
  storage,
  serviceEnv: { STRATOS_WRITE_RATE_MAX_WRITES: '1000000', STRATOS_STUBS: 'off', STRATOS_LOG_LEVEL: 'warn' },
})
try {
  process.stdout.write(`${JSON.stringify(await measure(network))}\n`)
} finally {
  await network.close()
}

async function measure(network: Network) {
  const urls = [network.serviceUrl, ...(storage === 'postgres' ? [(await network.startInstance()).url] : [])]
  const [alice, carol] = ['alice', 'carol'].map((name) => accountOf(network, name))
  if (alice === undefined || carol === undefined) throw new Error('there is nobody')
  await network.setBoundaries(alice.did, ['general', 'writers'])
  const scene = await publish(network, alice)
  const member = await ProofClient.signIn(network, carol)
  const probes = urls.flatMap((url, index) => probesOf(network, member, url, `instance ${index + 1}`, scene))

  // By route: how long after the answer the last showing was complete; 0 if it was before.
  const lateMs = new Map<string, number[]>()
  const note = (name: string, ms: number) => lateMs.set(name, [...(lateMs.get(name) ?? []), Math.max(0, ms)])
  for (let trial = 0; trial < trials; trial += 1) {
    await network.setBoundaries(carol.did, ['general', 'writers'])
    for (const probe of probes) probe.start()
    await waitUntil('every route shows it', async () => probes.every(({ shows }) => shows))
    const streams = await Promise.all(urls.map((url) => openStream(network, carol, url)))
    // The removal falls anywhere in the life of a cached membership.
    await pause(Math.random() * 300)
    await network.setBoundaries(carol.did, ['general'])
    const answeredMs = performance.now()
    const lastMs = () => Math.max(answeredMs, ...probes.map(({ lastShownMs }) => lastShownMs ?? 0))
    await waitUntil(
      'no route shows it any more',
      async () => !probes.some(({ shows }) => shows) && performance.now() - lastMs() > SILENCE_MS,
      30_000,
    )
    for (const probe of probes) {
      await probe.stop()
      note(probe.name, (probe.lastShownMs ?? 0) - answeredMs)
    }
    for (const [index, { endedMs }] of streams.entries())
      note(`subscribeRecords, instance ${index + 1}`, (await endedMs) - answeredMs)
    if ((trial + 1) % 20 === 0) process.stderr.write(`${trial + 1} of ${trials}\n`)
  }
  const routes = Object.fromEntries([...lateMs].map(([name, times]) => [name, summary(times)]))
  const instances = urls.map((_, index) =>
    summary([...lateMs].flatMap(([name, times]) => (name.endsWith(`instance ${index + 1}`) ? times : []))),
  )
  return { storage, trials, instances, routes }
}

function summary(timesMs: readonly number[]) {
  const at = (share: number) => significant(percentile(timesMs, share))
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

interface Scene {
  readonly did: string
  readonly rkey: string
  readonly uri: string
  readonly blobCid: string
  readonly blob: Buffer
}

/** A post and a picture behind the boundary that is going to be taken away. */
async function publish(network: Network, author: Account): Promise<Scene> {
  const client = await ProofClient.signIn(network, author)
  const blob = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), randomBytes(20_000)])
  const uploaded = await client.call('POST', 'com.atproto.repo.uploadBlob', {
    body: blob,
    headers: { 'content-type': 'image/png' },
  })
  const record = {
    $type: POST,
    text: CANARY,
    embed: {
      $type: 'app.bsky.embed.images',
      images: [{ alt: 'a picture', image: uploaded.body.blob }],
    },
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: [{ value: `${network.serviceDid}/writers` }],
    },
    createdAt: '2026-01-15T12:00:00.000Z',
  }
  const body = { repo: author.did, collection: POST, record }
  const answer = await client.call('POST', 'com.atproto.repo.createRecord', { body })
  if (answer.status !== 200) throw new Error(`createRecord answered ${answer.bytes.toString()}`)
  const { uri } = answer.body
  return { did: author.did, uri, rkey: uri.split('/').at(-1), blobCid: uploaded.body.blob.ref.$link, blob }
}

/** One probe for each way to the record, at one instance. */
function probesOf(network: Network, member: ProofClient, to: string, where: string, scene: Scene): Probe[] {
  const { did, rkey, uri, blobCid, blob } = scene
  const key = { repo: did, collection: POST, rkey }
  const ways: [nsid: string, params: Record<string, string>, body?: object][] = [
    ['com.atproto.repo.getRecord', key],
    ['com.atproto.repo.listRecords', { repo: did, collection: POST }],
    ['zone.stratos.repo.hydrateRecord', { uri }],
    ['zone.stratos.repo.hydrateRecords', {}, { uris: [uri] }],
    ['com.atproto.sync.getRecord', { did, collection: POST, rkey }],
    ['com.atproto.sync.getBlob', { did, cid: blobCid }],
  ]
  return ways.map(([nsid, params, body]) => {
    const method = body === undefined ? 'GET' : 'POST'
    const looksFor = nsid.endsWith('getBlob') ? blob.subarray(-32) : Buffer.from(CANARY)
    const url = member.url(nsid, params)
    return new Probe(`${nsid}, ${where}`, looksFor, () =>
      member.send(method, url.replace(network.serviceUrl, to), {
        body,
        headers: { dpop: member.proof(method, url) },
      }),
    )
  })
}

/** Follows the member's own posts behind the boundary, which ends with it. */
async function openStream(network: Network, member: Account, to: string) {
  const nsid = 'zone.stratos.sync.subscribeRecords'
  const syncToken = await serviceJwt(network, member, nsid)
  const query = new URLSearchParams({ did: member.did, domain: `${network.serviceDid}/writers`, syncToken })
  const socket = new WebSocket(`${to.replace('http', 'ws')}/xrpc/${nsid}?${query}`)
  const endedMs = once(socket, 'close').then(() => performance.now())
  await once(socket, 'open')
  return { endedMs }
}

function accountOf(network: Network, name: string): Account {
  const account = network.accounts.find(({ handle }) => handle === `${name}.test`)
  if (account === undefined) throw new Error(`there is no ${name}`)
  return account
}
