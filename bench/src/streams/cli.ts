#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ProofClient, sendRequest, startNetwork, type Network } from 'test-network'
import { mapConcurrently } from '../map-concurrently.ts'
import { readUsage } from '../service-usage.ts'
import { percentile, significant } from '../statistics.ts'
import { Subscribers } from './subscribers.ts'

/** Measures streams against a bare WebSocket server on the same machine; see bench/README.md. */
const SECRET = 'the secret of a benchmark, which is long enough'
const POST = 'zone.stratos.feed.post'
const EVENTS = 10_000
const IDLE = 2_000
const PER_SECOND = 100
const SECONDS = 5
const MARK = /mark-\d+-mark/

const storage = process.argv.includes('--postgres') ? 'postgres' : 'sqlite'
const network = await startNetwork({
  enrolled: true,
  storage,
  serviceEnv: {
    STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
    STRATOS_WRITE_RATE_WINDOW_MS: '100',
    STRATOS_LOG_LEVEL: 'warn',
    STRATOS_STUBS: 'off',
    STRATOS_SYNC_TOKEN: SECRET,
    STRATOS_STREAMS_PER_PRINCIPAL: '100000',
    STRATOS_STREAMS_PER_ADDRESS: '100000',
  },
})
const closers: (() => void | Promise<void>)[] = [() => network.close()]
try {
  process.stdout.write(`${JSON.stringify(await measure(network))}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function measure(network: Network) {
  const [alice] = network.accounts
  if (alice === undefined) throw new Error('there is nobody')
  const client = await ProofClient.signIn(network, alice)
  const streamOf = (cursor: number, at = network.serviceUrl) =>
    `${at.replace('http', 'ws')}/xrpc/zone.stratos.sync.subscribeRecords?did=${alice.did}&syncToken=${encodeURIComponent(SECRET)}&cursor=${cursor}`
  let events = 1
  const write = async (text: string) => {
    const record = {
      $type: POST,
      text,
      boundary: {
        $type: 'zone.stratos.boundary.defs#Domains',
        values: [{ value: `${network.serviceDid}/general` }],
      },
      createdAt: '2026-01-15T12:00:00.000Z',
    }
    const body = { repo: alice.did, collection: POST, record }
    const { status } = await client.call('POST', 'com.atproto.repo.createRecord', { body })
    if (status !== 200) throw new Error(`a write was answered with ${status}`)
    events += 1
  }
  await write('warm')

  const floor = await startFloor(storage === 'sqlite' ? databaseOf(network, alice.did) : '')
  const delivery: Record<string, unknown> = {}
  for (const count of [1, 50, 200]) {
    const bare = await deliver(`ws://127.0.0.1:${floor}/`, count, (text) =>
      sendRequest('POST', `http://127.0.0.1:${floor}/`, { body: Buffer.from(text.padEnd(400)) }),
    )
    const ours = await deliver(streamOf(events), count, write)
    delivery[count] = {
      bare: bare.sinceSent,
      sinceAck: ours.sinceAck,
      sinceSent: ours.sinceSent,
      ratioP50: significant(ours.sinceAck.p50Ms / bare.sinceSent.p50Ms),
    }
    process.stderr.write(`delivery to ${count}: ${JSON.stringify(delivery[count])}\n`)
  }

  // Written on one instance, followed on another one.
  let fanOut: Awaited<ReturnType<typeof deliver>> | undefined
  if (storage === 'postgres') {
    const second = await network.startInstance()
    fanOut = await deliver(streamOf(events, second.url), 50, write)
    process.stderr.write(`delivery to 50 of another instance: ${JSON.stringify(fanOut)}\n`)
    await second.stop()
  }

  process.stderr.write(`writing ${EVENTS} events …\n`)
  const missing = Math.max(0, EVENTS + 1 - events)
  const texts = Array.from(
    { length: missing },
    (_, index) => `a post, the ${index}th of many, of usual length`,
  )
  await mapConcurrently(texts, 16, write)
  const total = EVENTS
  const catchUp: { oursPerSecond: number[]; barePerSecond: number[] } = {
    oursPerSecond: [],
    barePerSecond: [],
  }
  for (let round = 0; round < 5; round += 1) {
    if (storage === 'sqlite')
      catchUp.barePerSecond.push(await perSecond(`ws://127.0.0.1:${floor}/rows`, total))
    catchUp.oursPerSecond.push(await perSecond(streamOf(0), total))
  }
  process.stderr.write(`catch-up: ${JSON.stringify(catchUp)}\n`)

  const before = rss(network)
  const slow = await Subscribers.open(streamOf(0), 1)
  slow.pause()
  let peak = before
  for (let look = 0; look < 40; look += 1) {
    await pause(100)
    peak = Math.max(peak, rss(network))
  }
  slow.close()
  const slowMiB = peak - before
  await pause(1_000)

  const baseline = rss(network)
  const idle = await Subscribers.open(streamOf(events), IDLE)
  await pause(2_000)
  const idleMiB = rss(network) - baseline
  idle.close()
  return {
    storage,
    delivery,
    fanOut,
    catchUp,
    slowConsumerMiB: significant(slowMiB),
    idle: IDLE,
    idleMiB: significant(idleMiB),
  }
}

/** Sends marked messages at a steady rate, and measures how long they take to reach each of the subscribers. */
async function deliver(url: string, count: number, send: (text: string) => Promise<unknown>) {
  const subscribers = await Subscribers.open(url, count, MARK)
  const sentAt = new Map<string, number>()
  const ackedAt = new Map<string, number>()
  const sending: Promise<unknown>[] = []
  const startedAt = performance.now()
  for (let index = 0; index < PER_SECOND * SECONDS; index += 1) {
    const mark = `mark-${index}-mark`
    await pause(Math.max(0, startedAt + (index * 1000) / PER_SECOND - performance.now()))
    sentAt.set(mark, performance.now())
    sending.push(send(mark).then(() => ackedAt.set(mark, performance.now())))
  }
  await Promise.all(sending)
  await subscribers.received(count * PER_SECOND * SECONDS)
  subscribers.close()
  await pause(500)
  const latencies = (from: ReadonlyMap<string, number>) =>
    summary(
      [...subscribers.receivedAt].flatMap(([mark, times]) => times.map((at) => at - (from.get(mark) ?? at))),
    )
  return { sinceSent: latencies(sentAt), sinceAck: latencies(ackedAt) }
}

function summary(timesMs: readonly number[]) {
  return { p50Ms: significant(percentile(timesMs, 0.5)), p99Ms: significant(percentile(timesMs, 0.99)) }
}

async function perSecond(url: string, messages: number): Promise<number> {
  const startedAt = performance.now()
  const subscribers = await Subscribers.open(url, 1)
  await subscribers.received(messages)
  const seconds = (performance.now() - startedAt) / 1000
  subscribers.close()
  return Math.round(messages / seconds)
}

function rss({ service }: Network): number {
  return (service.pid === null ? null : readUsage(service.pid))?.rssMiB ?? Number.NaN
}

function databaseOf(network: Network, did: string): string {
  const data = join(network.directory, 'service', 'data', 'actors')
  return join(data, hash('sha256', did).slice(0, 2), did, 'stratos.sqlite')
}

async function startFloor(file: string): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'floor-server.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  closers.push(() => void child.kill())
  if (child.stdout === null) throw new Error('the floor says nothing')
  const [line] = await once(child.stdout, 'data')
  return Number(String(line).trim())
}
