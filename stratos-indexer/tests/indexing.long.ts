import { AtpAgent } from '@atproto/api'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ProofClient, startNetwork, waitUntil, type Account, type Network } from 'test-network'
import { decodeRecord, encodeRecord } from 'stratos-core'
import { openDatabase, type Database } from 'stratos-indexer'
import { post, POST } from '../../stratos-service/tests/_util/post.ts'

let network: Network
let database: Database
let alice: Account
let bob: Account
let client: ProofClient

beforeAll(async () => {
  network = await startNetwork({ enrolled: true, indexer: true })
  if (network.indexer === null) throw new Error('there is no indexer')
  database = await openDatabase(network.indexer.database)
  const [first, second] = network.accounts
  if (first === undefined || second === undefined) throw new Error('there is nobody')
  ;[alice, bob] = [first, second]
  client = await ProofClient.signIn(network, alice)
}, 600_000)
afterAll(async () => {
  await database?.close()
  await network?.close()
})

const call = async (method: string, body: object): Promise<string> => {
  const answer = await client.call('POST', `com.atproto.repo.${method}`, {
    body: { repo: alice.did, collection: POST, ...body },
  })
  expect([answer.status, answer.body?.error]).toEqual([200, undefined])
  return String(answer.body.uri)
}
const create = (text: string, names: readonly string[]) =>
  call('createRecord', { record: post(network.serviceDid, text, names) })
const rowsOf = (uri: string) =>
  database.db
    .selectFrom('stratos_post as p')
    .innerJoin('stratos_post_boundary as b', (join) =>
      join.onRef('b.uri', '=', 'p.uri').onRef('b.service', '=', 'p.service'),
    )
    .select(['p.text', 'b.boundary'])
    .where('p.uri', '=', uri)
    .orderBy('b.boundary')
    .execute()
const behind = (name: string) => `${network.serviceDid}/${name}`
const rkeyOf = (uri: string) => uri.slice(uri.lastIndexOf('/') + 1)

it('a post is there with its boundaries and its exact bytes, follows its edits, and goes', async () => {
  const uri = await create('hello', ['general', 'writers'])
  await waitUntil('indexing', async () => (await rowsOf(uri)).length === 2)
  expect(await rowsOf(uri)).toEqual([
    { text: 'hello', boundary: behind('general') },
    { text: 'hello', boundary: behind('writers') },
  ])
  const kept = await database.db
    .selectFrom('stratos_record')
    .selectAll()
    .where('uri', '=', uri)
    .executeTakeFirstOrThrow()
  const { cid } = await encodeRecord(decodeRecord(Uint8Array.from(kept.record)))
  expect(cid.toString()).toBe(kept.cid)

  const record = post(network.serviceDid, 'edited', ['writers'])
  await call('putRecord', { rkey: rkeyOf(uri), record })
  await waitUntil('an edit', async () => (await rowsOf(uri))[0]?.text === 'edited')
  expect(await rowsOf(uri)).toEqual([{ text: 'edited', boundary: behind('writers') }])

  await call('deleteRecord', { rkey: rkeyOf(uri) })
  await waitUntil('a deletion', async () => (await rowsOf(uri)).length === 0)
})

it('the boundaries of an account follow the service', async () => {
  const held = async () => {
    const rows = await database.db
      .selectFrom('stratos_enrollment_boundary')
      .select('boundary')
      .where('did', '=', bob.did)
      .orderBy('boundary')
      .execute()
    return rows.map(({ boundary }) => boundary).join()
  }
  await network.setBoundaries(bob.did, ['other'])
  await waitUntil('boundaries', async () => (await held()) === behind('other'))
  await network.setBoundaries(bob.did, ['general', 'writers'])
  await waitUntil('boundaries', async () => (await held()) === [behind('general'), behind('writers')].join())
})

it('IDX-001: enrollment records of other services, or without a good attestation, are ignored', async () => {
  const agent = new AtpAgent({ service: network.pdsUrl })
  await agent.login({ identifier: alice.handle, password: alice.password })
  const own = `${network.serviceDid.replaceAll('%3A', ':')}`
  const get = { repo: alice.did, collection: 'zone.stratos.actor.enrollment' }
  const before = await enrollments()
  const { data } = await agent.com.atproto.repo.getRecord({ ...get, rkey: own })
  const outcome = async (name: string) => {
    const text = await (await fetch(`${network.indexer?.url}/metrics`)).text()
    return Number(new RegExp(`enrollment_records_total\\{outcome="${name}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
  }
  const verified = await outcome('verified')
  const write = (rkey: string, more: object) =>
    agent.com.atproto.repo.putRecord({ ...get, rkey, validate: false, record: { ...data.value, ...more } })

  await write('self', { service: 'https://stratos.evil.example' })
  await write('forged', { boundaries: [{ value: behind('other') }] })
  await write('broken', { attestation: 7 })
  await write('again', {})
  await waitUntil('the firehose', async () => (await outcome('verified')) > verified)
  expect([await outcome('foreign'), await outcome('unverified'), await outcome('malformed')]).toEqual([
    1, 1, 1,
  ])
  expect(await enrollments()).toEqual(before)
})

it('handles of enrolled accounts are known', async () => {
  const handles = async () =>
    (await database.db.selectFrom('stratos_actor').select('handle').orderBy('handle').execute()).map(
      ({ handle }) => handle,
    )
  await waitUntil('handles', async () => (await handles()).includes('alice.test'))
})

const enrollments = () =>
  database.db
    .selectFrom('stratos_enrollment_boundary')
    .selectAll()
    .orderBy('did')
    .orderBy('boundary')
    .execute()

it('whoever unenrolls is gone, with all that was theirs', async () => {
  const carol = network.accounts[2]
  if (carol === undefined) throw new Error('there is no carol')
  const carols = await ProofClient.signIn(network, carol)
  const record = post(network.serviceDid, 'goodbye', ['other'])
  const made = await carols.call('POST', 'com.atproto.repo.createRecord', {
    body: { repo: carol.did, collection: POST, record },
  })
  expect([made.status, made.body?.message]).toEqual([200, undefined])
  await waitUntil('indexing', async () => (await rowsOf(made.body.uri)).length === 1)
  const left = await carols.call('POST', 'zone.stratos.enrollment.unenroll', { body: {} })
  expect(left.status).toBe(200)
  const rows = async () => [
    ...(await database.db.selectFrom('stratos_record').select('uri').where('did', '=', carol.did).execute()),
    ...(await database.db
      .selectFrom('stratos_enrollment')
      .select('did')
      .where('did', '=', carol.did)
      .execute()),
    ...(await rowsOf(made.body.uri)),
  ]
  await waitUntil('leaving', async () => (await rows()).length === 0)
})

/** What the service shows an allow-listed reader, by URI. */
async function source(): Promise<string[]> {
  const found: string[] = []
  let cursor: string | undefined
  do {
    const params = { repo: alice.did, collection: POST, limit: 100, cursor }
    const { body } = await client.call('GET', 'com.atproto.repo.listRecords', { params })
    for (const { uri, cid } of body.records) found.push(`${uri} ${cid}`)
    cursor = body.cursor
  } while (cursor !== undefined)
  return found.sort()
}
const indexed = async (): Promise<string[]> => {
  const rows = await database.db
    .selectFrom('stratos_record')
    .select(['uri', 'cid'])
    .where('did', '=', alice.did)
    .execute()
  return rows.map(({ uri, cid }) => `${uri} ${cid}`).sort()
}

it('after the indexer and the service were killed again and again, the tables are what the repos are', async () => {
  for (let round = 0; round < 3; round += 1) {
    const made = await Promise.all(
      Array.from({ length: 15 }, (_, n) => create(`round ${round}, post ${n}`, ['general'])),
    )
    const kill = network.indexer?.stop('SIGKILL')
    for (const uri of made.slice(0, 5)) await call('deleteRecord', { rkey: rkeyOf(uri) })
    await kill
    for (const uri of made.slice(5, 8)) {
      await call('putRecord', { rkey: rkeyOf(uri), record: post(network.serviceDid, 'edited', ['writers']) })
    }
    if (round % 2 === 1) await network.restartService('SIGKILL')
    await network.indexer?.start()
  }
  const expected = await source()
  expect(expected).toHaveLength(30)
  await waitUntil('catching up', async () => (await indexed()).join() === expected.join())
}, 300_000)

it('a cursor of another time has all repos read anew, and what the service does not have is gone', async () => {
  await network.indexer?.stop('SIGKILL')
  const row = await database.db
    .selectFrom('stratos_record')
    .selectAll()
    .where('did', '=', alice.did)
    .executeTakeFirstOrThrow()
  await database.db
    .insertInto('stratos_record')
    .values({ ...row, uri: `${row.uri}gone`, rkey: `${row.rkey}gone` })
    .execute()
  await database.db.deleteFrom('stratos_record').where('uri', '=', row.uri).execute()
  await database.db.updateTable('stratos_sync_cursor').set({ seq: 1_000_000 }).execute()
  await network.indexer?.start()
  const expected = await source()
  await waitUntil('reading anew', async () => (await indexed()).join() === expected.join())
  const again = await create('after it', ['general'])
  await waitUntil('indexing', async () => (await rowsOf(again)).length === 1)
})

it('IDX-003: nothing that the indexer serves has private text', async () => {
  const secret = 'a very private sentence'
  const uri = await create(secret, ['general'])
  await waitUntil('indexing', async () => (await rowsOf(uri)).length === 1)
  for (const path of ['/', '/health', '/ready', '/metrics', '/.well-known/did.json', '/xrpc/_health']) {
    const answer = await fetch(`${network.indexer?.url}${path}`)
    expect(await answer.text()).not.toContain(secret)
  }
})
