import { setTimeout as pause } from 'node:timers/promises'
import { AtpAgent } from '@atproto/api'
import { listTimeline, openDatabase } from 'stratos-indexer'
import { ProofClient, sendRequest, startNetwork, type Network } from 'test-network'
import { percentile, significant } from '../statistics.ts'
import { Subscribers } from '../streams/subscribers.ts'

const SECRET = 'the secret of a benchmark, which is long enough'
const POST = 'zone.stratos.feed.post'
const MARK = /mark-\d+-mark/
/** Between posts, so that one does not wait for another. */
const PAUSE_MS = 30
const TIMELINE = 'zone.stratos.feed.getTimeline'

/** From the answer to a write until a follower of the stream has it, and until the query of timelines finds it. */
export async function measureLatency(storage: 'sqlite' | 'postgres', posts: number) {
  const network = await startNetwork({
    enrolled: true,
    indexer: true,
    storage,
    serviceEnv: {
      STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
      STRATOS_LOG_LEVEL: 'warn',
      STRATOS_STUBS: 'off',
      STRATOS_SYNC_TOKEN: SECRET,
    },
  })
  try {
    return await measure(network, posts)
  } finally {
    await network.close()
  }
}

async function measure(network: Network, posts: number) {
  const [alice] = network.accounts
  if (alice === undefined || network.indexer === null) throw new Error('somebody is missing')
  const client = await ProofClient.signIn(network, alice)
  const boundary = `${network.serviceDid}/general`
  const query = new URLSearchParams({ syncToken: SECRET, cursor: '0' }).toString()
  const url = `${network.serviceUrl.replace('http', 'ws')}/xrpc/zone.stratos.sync.subscribeRepos?${query}`
  const stream = await Subscribers.open(url, 1, MARK)
  const database = await openDatabase(network.indexer.database)
  const answeredAt = new Map<string, number>()
  const visibleMs: number[] = []
  try {
    for (let n = 0; n < posts; n += 1) {
      const mark = `mark-${n}-mark`
      const record = {
        $type: POST,
        text: mark,
        boundary: { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: boundary }] },
        createdAt: new Date().toISOString(),
      }
      const body = { repo: alice.did, collection: POST, record }
      const { status, body: made } = await client.call('POST', 'com.atproto.repo.createRecord', { body })
      if (status !== 200) throw new Error(`a write was answered with ${status}`)
      const answered = performance.now()
      answeredAt.set(mark, answered)
      for (;;) {
        const page = await listTimeline(database.db, [boundary], { after: null, limit: 5 })
        if (page.some(({ uri }) => uri === made.uri)) break
        await pause(1)
      }
      visibleMs.push(performance.now() - answered)
      await pause(PAUSE_MS)
    }
  } finally {
    stream.close()
    await database.close()
  }
  const deliveredMs = [...stream.receivedAt].map(([mark, [at = 0]]) =>
    Math.max(0.01, at - (answeredAt.get(mark) ?? at)),
  )
  const delivered = summary(deliveredMs)
  const visible = summary(visibleMs)
  return {
    delivered,
    visible,
    ratioP50: significant(visible.p50Ms / delivered.p50Ms),
    page: await measurePages(network, 50),
  }
}

/** A page of the read API over HTTP, with tokens made before. */
async function measurePages(network: Network, count: number) {
  const [alice] = network.accounts
  if (alice === undefined || network.indexer === null) throw new Error('somebody is missing')
  const agent = new AtpAgent({ service: network.pdsUrl })
  await agent.login({ identifier: alice.handle, password: alice.password })
  const takenMs: number[] = []
  for (let n = 0; n < count; n += 1) {
    const { data } = await agent.com.atproto.server.getServiceAuth({
      aud: network.indexer.did,
      lxm: TIMELINE,
    })
    const headers = { authorization: `Bearer ${data.token}` }
    const begin = performance.now()
    const { status } = await sendRequest('GET', `${network.indexer.url}/xrpc/${TIMELINE}`, { headers })
    if (status !== 200) throw new Error(`a page was answered with ${status}`)
    takenMs.push(performance.now() - begin)
  }
  return summary(takenMs)
}

function summary(values: readonly number[]) {
  return { p50Ms: significant(percentile(values, 0.5)), p99Ms: significant(percentile(values, 0.99)) }
}
