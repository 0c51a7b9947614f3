import { setTimeout as delay } from 'node:timers/promises'
import { AtpAgent } from '@atproto/api'
import { verifyRepoCar } from '@atproto/repo'
import { parseStubSource, type LoggedEvent } from 'stratos-core'
import { ProofClient, sendRequest, waitUntil, type Account, type Network } from 'test-network'
import { expect } from 'vitest'
import { decodeCommitEvent } from '../../src/operations/commit-event.ts'
import { exportCar, readOffline } from './offline.ts'
import { POST, post } from './post.ts'

/** So that no limit stands between the writers and the crashes. */
export const CRASH_LIMITS = {
  STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
  STRATOS_AUTH_FAILURES_PER_MINUTE: '1000000',
}

/** What one writer knows: the records whose writes were acknowledged, and those that were never answered. */
class Ledger {
  /** Key to CID, as acknowledged. */
  readonly sure = new Map<string, string>()
  /** Keys whose last write got no answer; they may be there or not. */
  readonly unsure = new Set<string>()
}

export interface CrashCampaign {
  readonly network: Network
  readonly accounts: readonly Account[]
  readonly kills: number
  readonly random: () => number
  /** Longest pause between two writes of one user; in a long campaign the PDS has to keep up with the stubs. */
  readonly pauseMs?: number
}

/**
 * Kills the service at random moments while users write, and checks that it kept every promise: what it acknowledged is
 * there, nothing is half there, the repos verify, no event is missing, and the public stubs agree in the end.
 */
export async function runCrashCampaign(campaign: CrashCampaign): Promise<void> {
  const { network, accounts, kills, random, pauseMs = 0 } = campaign
  const ledgers = new Map(accounts.map((account) => [account, new Ledger()]))
  const over = new AbortController()
  const writers = accounts.map((account, index) => {
    const ledger = ledgers.get(account)
    if (ledger === undefined) throw new Error('unreachable')
    return writeUntil(over.signal, network, account, ledger, index, () => random() * pauseMs)
  })
  for (let kill = 0; kill < kills; kill += 1) {
    await delay(100 + random() * 900)
    await network.restartService('SIGKILL')
  }
  await delay(500)
  over.abort()
  await Promise.all(writers)
  // Once more, with nobody left whose writes would wake the queues.
  await network.restartService('SIGKILL')

  const keys = new Map<Account, string>()
  for (const account of accounts) keys.set(account, await publishedKey(network, account))
  for (const account of accounts) await expectStubs(network, account)
  await network.stopService()
  for (const [account, ledger] of ledgers) await expectKept(network, account, ledger, keys.get(account) ?? '')
}

async function writeUntil(
  signal: AbortSignal,
  network: Network,
  account: Account,
  ledger: Ledger,
  seed: number,
  pauseMs: () => number,
): Promise<void> {
  let client: ProofClient | null = null
  for (let count = 0; !signal.aborted; count += 1) {
    client ??= await ProofClient.signIn(network, account).catch(() => null)
    if (client === null) {
      await delay(50)
      continue
    }
    try {
      await writeOne(client, network, account, ledger, count, seed)
      const pause = Math.round(pauseMs())
      if (pause > 0) await delay(pause)
    } catch {
      // The connection broke with the service: `writeOne` has noted what that leaves open.
      await delay(20)
    }
  }
}

/** Mostly creates, sometimes a change or a removal of what is surely there. */
async function writeOne(
  client: ProofClient,
  network: Network,
  { did }: Account,
  ledger: Ledger,
  count: number,
  seed: number,
): Promise<void> {
  const base = { repo: did, collection: POST }
  const record = post(network.serviceDid, `write ${count} of ${seed}`, ['general'])
  const [known] = ledger.sure.keys()
  const action = known === undefined || count % 5 < 3 ? 'create' : count % 5 === 3 ? 'put' : 'delete'
  const rkey = action === 'create' || known === undefined ? newRkey(count, seed) : known
  const method = `com.atproto.repo.${action === 'delete' ? 'deleteRecord' : 'putRecord'}`
  const body = action === 'delete' ? { ...base, rkey } : { ...base, rkey, record }
  ledger.sure.delete(rkey)
  ledger.unsure.add(rkey)
  const answer = await client.call('POST', method, { body })
  if (answer.status !== 200) throw new Error(`${method} answered ${answer.status}`)
  ledger.unsure.delete(rkey)
  if (action !== 'delete') ledger.sure.set(rkey, answer.body.cid)
}

/** A TID of our own choosing, so that an unanswered write can be found again. */
function newRkey(count: number, seed: number): string {
  const digits = '234567abcdefghijklmnopqrstuvwxyz'
  let text = ''
  for (let rest = count + seed * 1_000_000; text.length < 9; rest = Math.floor(rest / 32))
    text = digits[rest % 32] + text
  return `3kaa${text}`
}

async function expectKept(
  network: Network,
  account: Account,
  ledger: Ledger,
  signingKey: string,
): Promise<void> {
  const { car, events, head, records } = await readOffline(network, account.did, async (stores) => ({
    car: await exportCar(stores),
    events: await stores.events.listAfter(0, 1_000_000),
    head: await stores.repo.findHead(),
    records: (
      await stores.records.list({
        collection: POST,
        scope: { kind: 'all' },
        limit: 100_000,
        maxBytes: Number.MAX_SAFE_INTEGER,
        ascending: true,
      })
    ).records,
  }))
  const verified = await verifyRepoCar(car, account.did, signingKey)
  expect(verified.commit.rev).toBe(head?.rev)
  const inTree = new Map(verified.creates.map(({ rkey, cid }) => [rkey, cid.toString()]))
  expect(new Map(records.map(({ rkey, cid }) => [rkey, cid]))).toEqual(inTree)

  // The campaign must have been one: work went on between the crashes.
  expect(events.length).toBeGreaterThan(10)
  for (const [rkey, cid] of ledger.sure) expect(inTree.get(rkey)).toBe(cid)
  for (const rkey of inTree.keys()) expect(ledger.sure.has(rkey) || ledger.unsure.has(rkey)).toBe(true)
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: events.length }, (_, index) => index + 1))
  expectChain(events, { cid: String(head?.cid), contents: inTree })
}

/** Every commit left one event, in the order of their revisions, and what they say adds up to what is there. */
function expectChain(
  events: readonly LoggedEvent[],
  head: { cid: string; contents: ReadonlyMap<string, string> },
): void {
  const contents = new Map<string, string>()
  let last = { rev: '', commit: '' }
  for (const { body } of events) {
    const { rev, commit, ops } = decodeCommitEvent(body)
    expect(rev > last.rev).toBe(true)
    last = { rev, commit: commit.toString() }
    for (const { path, cid } of ops) {
      const rkey = path.slice(POST.length + 1)
      if (cid === null) contents.delete(rkey)
      else contents.set(rkey, cid.toString())
    }
  }
  expect(last.commit).toBe(head.cid)
  expect(contents).toEqual(head.contents)
}

/** Waits until the public repo has a stub of every private record, of its newest version, and of nothing else. */
async function expectStubs(network: Network, account: Account): Promise<void> {
  const client = await ProofClient.signIn(network, account)
  const agent = new AtpAgent({ service: network.pdsUrl })
  const privately = await listAll(async (cursor) => {
    const params = {
      repo: account.did,
      collection: POST,
      limit: 100,
      ...(cursor === undefined ? {} : { cursor }),
    }
    return (await client.call('GET', 'com.atproto.repo.listRecords', { params })).body
  })
  await waitUntil(
    'stubs and records agree',
    async () => {
      const publicly = await listAll(async (cursor) => {
        const query = { repo: account.did, collection: POST, limit: 100, cursor }
        const { cursor: next, records } = (await agent.com.atproto.repo.listRecords(query)).data
        const subjects = records.map(({ uri, value }) => ({ uri, cid: subjectCid(value) }))
        return { records: subjects, cursor: next }
      })
      return (
        publicly.size === privately.size && [...privately].every(([uri, cid]) => publicly.get(uri) === cid)
      )
    },
    240_000,
  )
}

function subjectCid(stub: unknown): string {
  return parseStubSource(stub)?.subject.cid ?? 'not a stub'
}

interface ListPage {
  readonly records: readonly { readonly uri: string; readonly cid: string }[]
  readonly cursor?: string | undefined
}

async function listAll(
  page: (cursor: string | undefined) => Promise<ListPage>,
): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  let cursor: string | undefined
  do {
    const found: ListPage = await page(cursor)
    for (const { uri, cid } of found.records) all.set(uri, cid)
    cursor = found.cursor
  } while (cursor !== undefined)
  return all
}

async function publishedKey(network: Network, { did }: Account): Promise<string> {
  const url = `${network.serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`
  return (await sendRequest('GET', url)).body.signingKey
}
