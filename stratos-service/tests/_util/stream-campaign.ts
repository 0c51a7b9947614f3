import { setTimeout as delay } from 'node:timers/promises'
import { ProofClient, waitUntil, type Account, type Network } from 'test-network'
import { expect } from 'vitest'
import type { AppView } from './app-view.ts'
import { ChaoticConsumer } from './chaotic-consumer.ts'
import { POST, post } from './post.ts'

export const RECORDS = 'zone.stratos.sync.subscribeRecords'
export const REPOS = 'zone.stratos.sync.subscribeRepos'

export interface StreamCampaign {
  readonly network: Network
  readonly accounts: readonly Account[]
  readonly appview: AppView
  /** Base URLs of the instances that are followed. */
  readonly followed: readonly string[]
  readonly writers: number
  readonly seconds: number
  /** Called every now and then while people write. */
  readonly disturb: () => Promise<void>
  readonly random: () => number
}

/**
 * Lets many write while consumers of all kinds follow and everybody has accidents. In the end each consumer must have
 * exactly what is in the repos, and must never have seen a gap or a step back.
 */
export async function runStreamCampaign(campaign: StreamCampaign): Promise<void> {
  const { network, accounts, appview, followed, random } = campaign
  const consumers: { readonly consumer: ChaoticConsumer; readonly dids: readonly string[] }[] = []
  const follow = (base: string, nsid: string, params: Readonly<Record<string, string>>) =>
    new ChaoticConsumer(async (cursor) => {
      const syncToken = await appview.token(network.serviceDid, nsid)
      const query = new URLSearchParams({ ...params, syncToken, cursor: String(cursor) })
      return `${base}/xrpc/${nsid}?${query}`
    }, random)
  const dids = accounts.map(({ did }) => did)
  for (const base of followed) {
    consumers.push({ consumer: follow(base, REPOS, {}), dids })
    for (const did of dids.slice(0, 2)) {
      consumers.push({ consumer: follow(base, RECORDS, { did }), dids: [did] })
    }
  }
  const over = new AbortController()
  const writing = Array.from({ length: campaign.writers }, (_, index) => {
    const account = accounts[index % accounts.length]
    if (account === undefined) throw new Error('nobody writes')
    return writeUntil(over.signal, network, account, index)
  })
  const endsAt = Date.now() + campaign.seconds * 1000
  while (Date.now() < endsAt) {
    await delay(1_000 + random() * 1_500)
    await campaign.disturb()
  }
  over.abort()
  const written = (await Promise.all(writing)).reduce((sum, count) => sum + count, 0)
  expect(written).toBeGreaterThan(0)

  const expected = await listRecords(network, accounts)
  for (const { consumer } of consumers) consumer.calmDown()
  for (const { consumer, dids } of consumers) {
    const wanted = [...expected].filter(([key]) => dids.some((did) => key.startsWith(`${did}/`))).toSorted()
    const has = () => JSON.stringify([...consumer.records].toSorted())
    await waitUntil('a consumer has everything', async () => has() === JSON.stringify(wanted), 60_000).catch(
      () => expect([...consumer.records].toSorted()).toEqual(wanted),
    )
    expect(consumer.complaints).toEqual([])
    expect(consumer.connections).toBeGreaterThan(0)
    await consumer.close()
  }
}

/** Mostly creates, sometimes changes and removes what it has created. @returns how many writes were answered */
async function writeUntil(
  signal: AbortSignal,
  network: Network,
  account: Account,
  index: number,
): Promise<number> {
  let client: ProofClient | null = null
  const mine: string[] = []
  let written = 0
  for (let count = 0; !signal.aborted; count += 1) {
    try {
      client ??= await ProofClient.signIn(network, account)
      const known = mine[count % Math.max(1, mine.length)]
      const base = { repo: account.did, collection: POST }
      const record = post(network.serviceDid, `${count} of writer ${index}`, ['general'])
      const [method, body] =
        known === undefined || count % 4 < 2
          ? ['createRecord', { ...base, record }]
          : count % 4 === 2
            ? ['putRecord', { ...base, rkey: known, record }]
            : ['deleteRecord', { ...base, rkey: known }]
      const answer = await client.call('POST', `com.atproto.repo.${method}`, { body })
      if (answer.status !== 200) throw new Error(`${method} answered ${answer.status}`)
      written += 1
      if (method === 'createRecord') mine.push(String(answer.body.uri).split('/').at(-1) ?? '')
      if (method === 'deleteRecord') mine.splice(mine.indexOf(known ?? ''), 1)
    } catch {
      // The service was killed, or is not back yet; sessions outlive that.
      await delay(300)
    }
  }
  return written
}

async function listRecords(network: Network, accounts: readonly Account[]): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (const account of accounts) {
    const client = await ProofClient.signIn(network, account)
    for (let cursor: string | undefined, more = true; more;) {
      const params = { repo: account.did, collection: POST, limit: 100, cursor }
      const { body } = await client.call('GET', 'com.atproto.repo.listRecords', { params })
      for (const { uri, cid } of body.records) all.set(String(uri).slice('at://'.length), cid)
      cursor = body.cursor
      more = cursor !== undefined
    }
  }
  return all
}
