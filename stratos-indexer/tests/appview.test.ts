import { connect, type Socket } from 'node:net'
import { AtpAgent } from '@atproto/api'
import { Secp256k1Keypair } from '@atproto/crypto'
import { jsonToLex } from '@atproto/lex-json'
import { createServiceJwt } from '@atproto/xrpc-server'
import { encodeRecord } from 'stratos-core'
import { openDatabase, type Database } from 'stratos-indexer'
import {
  enroll,
  ProofClient,
  sendRequest,
  startNetwork,
  waitUntil,
  type Account,
  type IndexerProcess,
  type Network,
} from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { post, POST } from '../../stratos-service/tests/_util/post.ts'
import { startWebIdentity } from '../../stratos-service/tests/_util/web-identity.ts'

const ENROLLMENT = 'zone.stratos.actor.enrollment'

let network: Network
let indexer: IndexerProcess
let database: Database
let alice: Account
let bob: Account
let carol: Account
let writer: ProofClient
const agents = new Map<string, AtpAgent>()

beforeAll(async () => {
  network = await startNetwork({ enrolled: true, indexer: true })
  if (network.indexer === null) throw new Error('there is no indexer')
  indexer = network.indexer
  database = await openDatabase(indexer.database)
  const [first, second, third] = network.accounts
  if (first === undefined || second === undefined || third === undefined) throw new Error('there is nobody')
  ;[alice, bob, carol] = [first, second, third]
  for (const account of network.accounts) agents.set(account.did, await signIn(account))
  writer = await ProofClient.signIn(network, alice)
})
afterAll(async () => {
  await database?.close()
  await network?.close()
})

async function signIn(account: Account): Promise<AtpAgent> {
  const agent = new AtpAgent({ service: network.pdsUrl })
  await agent.login({ identifier: account.handle, password: account.password })
  return agent
}

const behind = (name: string) => `${network.serviceDid}/${name}`
const rkeyOf = (uri: string) => uri.slice(uri.lastIndexOf('/') + 1)

async function write(client: ProofClient, did: string, method: string, body: object): Promise<string> {
  const answer = await client.call('POST', `com.atproto.repo.${method}`, {
    body: { repo: did, collection: POST, ...body },
  })
  expect([answer.status, answer.body?.error]).toEqual([200, undefined])
  return String(answer.body.uri)
}
const create = (text: string, names: readonly string[], more: object = {}) =>
  write(writer, alice.did, 'createRecord', { record: { ...post(network.serviceDid, text, names), ...more } })

/** Calls the read API with a token from the reader's own PDS. */
async function read(reader: Account, name: string, params: Record<string, string> = {}) {
  const method = name.includes('.') ? name : `zone.stratos.feed.${name}`
  const { data } = (await agents
    .get(reader.did)
    ?.com.atproto.server.getServiceAuth({ aud: `${indexer.did}#stratos_appview`, lxm: method })) ?? {
    data: { token: '' },
  }
  return sendRequest('GET', `${indexer.url}/xrpc/${method}?${new URLSearchParams(params).toString()}`, {
    headers: { authorization: `Bearer ${data.token}` },
  })
}

/** In which of the answers a post is, whose text has this word. */
async function placesOf(reader: Account, uri: string, word: string): Promise<string[]> {
  const answers = {
    getTimeline: await read(reader, 'getTimeline'),
    boundary: await read(reader, 'getTimeline', { boundary: behind('writers') }),
    getAuthorFeed: await read(reader, 'getAuthorFeed', { actor: alice.did }),
    searchPosts: await read(reader, 'searchPosts', { q: word }),
    getPost: await read(reader, 'getPost', { uri }),
    getPostThread: await read(reader, 'getPostThread', { uri }),
  }
  return Object.entries(answers).flatMap(([name, { bytes }]) => (bytes.includes(word) ? name : []))
}
const EVERYWHERE = ['getTimeline', 'boundary', 'getAuthorFeed', 'searchPosts', 'getPost', 'getPostThread']

const seen = (what: string, reader: Account, uri: string, word: string, expected: readonly string[]) =>
  waitUntil(what, async () => (await placesOf(reader, uri, word)).join() === expected.join())

async function administer(method: string, body: object): Promise<void> {
  const answer = await sendRequest('POST', `${network.serviceUrl}/xrpc/zone.stratos.admin.${method}`, {
    body,
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${network.adminPassword}`).toString('base64')}`,
    },
  })
  expect([answer.status, answer.body?.error]).toEqual([200, undefined])
}

describe('a private post', () => {
  it('is seen by members of its boundary and by nobody else, follows its edits, and goes', async () => {
    const uri = await create('walnut tree house', ['writers'])
    await seen('the post', bob, uri, 'walnut', EVERYWHERE)
    expect(await placesOf(carol, uri, 'walnut')).toEqual([])
    expect((await read(carol, 'getPost', { uri })).body).toEqual(
      (await read(carol, 'getPost', { uri: `${uri}x` })).body,
    )

    const { body } = await read(bob, 'getPost', { uri })
    const { post: found } = body.post
    expect(found).toMatchObject({ uri, author: { did: alice.did }, service: network.serviceDid })
    expect((await encodeRecord(jsonToLex(found.record) as never)).cid.toString()).toBe(found.cid)

    const edited = { rkey: rkeyOf(uri), record: post(network.serviceDid, 'hazelnut tree house', ['writers']) }
    await write(writer, alice.did, 'putRecord', edited)
    await seen('the edit', bob, uri, 'hazelnut', EVERYWHERE)
    expect(await placesOf(bob, uri, 'walnut')).toEqual([])

    const moved = { rkey: rkeyOf(uri), record: post(network.serviceDid, 'hazelnut tree house', ['general']) }
    await write(writer, alice.did, 'putRecord', moved)
    await seen(
      'another boundary',
      bob,
      uri,
      'hazelnut',
      EVERYWHERE.filter((name) => name !== 'boundary'),
    )

    await write(writer, alice.did, 'deleteRecord', { rkey: rkeyOf(uri) })
    await seen('the deletion', bob, uri, 'hazelnut', [])
  })

  it('is out of sight while an operator has it taken down', async () => {
    const uri = await create('chestnut shell', ['writers'])
    await seen('the post', bob, uri, 'chestnut', EVERYWHERE)
    await administer('takedownRecord', { uri })
    await seen('the takedown', bob, uri, 'chestnut', [])
    await seen('the takedown', alice, uri, 'chestnut', [])
    await administer('restoreRecord', { uri })
    await seen('the restoration', bob, uri, 'chestnut', EVERYWHERE)
    expect(await placesOf(carol, uri, 'chestnut')).toEqual([])
  })

  it('is out of sight for whoever loses the boundary, and comes back with it', async () => {
    const uri = await create('pistachio cream', ['writers'])
    await seen('the post', bob, uri, 'pistachio', EVERYWHERE)
    await network.setBoundaries(bob.did, ['general'])
    await seen('the loss', bob, uri, 'pistachio', [])
    await network.setBoundaries(bob.did, ['general', 'writers'])
    await seen('the return', bob, uri, 'pistachio', EVERYWHERE)
  })

  it('is in a thread with those answers that the reader may see', async () => {
    const root = await create('almond root', ['writers', 'general'])
    const { body } = await writer.call('GET', 'com.atproto.repo.getRecord', {
      params: { repo: alice.did, collection: POST, rkey: rkeyOf(root) },
    })
    const ref = { uri: root, cid: body.cid }
    const reply = { reply: { root: ref, parent: ref } }
    const open = await create('almond answer', ['general'], reply)
    const hidden = await create('almond secret', ['writers'], reply)
    await network.setBoundaries(carol.did, ['general'])
    const uris = async (reader: Account) => {
      const thread = (await read(reader, 'getPostThread', { uri: root })).body.thread
      return (thread?.replies ?? []).map((view: { post: { uri: string } }) => view.post.uri).sort()
    }
    await waitUntil('the thread', async () => (await uris(bob)).join() === [open, hidden].toSorted().join())
    await waitUntil('membership', async () => (await uris(carol)).join() === open)
    await network.setBoundaries(carol.did, ['other'])
    await waitUntil('its loss', async () => (await uris(carol)).length === 0)
  })

  it('can be read through a PDS that passes requests on', async () => {
    const uri = await create('pecan pie', ['general'])
    const proxied = async () => {
      const agent = agents.get(bob.did)
      const path = '/xrpc/zone.stratos.feed.getTimeline?limit=1'
      const headers = { 'atproto-proxy': `${indexer.did}#stratos_appview` }
      const answer = await agent?.sessionManager.fetchHandler(path, { headers })
      return answer === undefined ? '' : answer.text()
    }
    await waitUntil('the post', async () => (await proxied()).includes(uri))
  })

  it('IDX-003: is in nothing that anybody is served without being asked who they are', async () => {
    const uri = await create('macadamia', ['general'])
    await seen(
      'the post',
      bob,
      uri,
      'macadamia',
      EVERYWHERE.filter((name) => name !== 'boundary'),
    )
    const paths = ['/', '/health', '/ready', '/metrics', '/.well-known/did.json']
    for (const name of ['getTimeline', 'getAuthorFeed', 'getPost', 'getPostThread', 'searchPosts'])
      paths.push(
        `/xrpc/zone.stratos.feed.${name}?${new URLSearchParams({ uri, actor: alice.did, q: 'macadamia' })}`,
      )
    for (const path of paths) {
      const answer = await sendRequest('GET', `${indexer.url}${path}`)
      expect(answer.bytes.includes('macadamia'), path).toBe(false)
      if (path.startsWith('/xrpc/')) expect([path, answer.status]).toEqual([path, 401])
    }
    const frames = await readFirehose(rkeyOf(uri))
    for (const word of ['macadamia', 'walnut', 'pistachio'])
      expect(frames.some((frame) => frame.includes(word))).toBe(false)
  })
})

/** The public firehose from its beginning, up to the stub of a post. */
async function readFirehose(rkey: string): Promise<Buffer[]> {
  const url = `${network.pdsUrl.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos?cursor=0`
  const socket = new WebSocket(url)
  const frames: Buffer[] = []
  socket.on('message', (frame) => frames.push(frame as Buffer))
  await waitUntil('the stub', () => frames.some((frame) => frame.includes(rkey)))
  socket.close()
  return frames
}

describe('a request', () => {
  const timeline = 'zone.stratos.feed.getTimeline'
  const get = (token: string, params: Record<string, string> = {}) =>
    sendRequest('GET', `${indexer.url}/xrpc/${timeline}?${new URLSearchParams(params).toString()}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    })
  const tokenOf = async (aud: string, lxm = timeline) => {
    const { data } = (await agents.get(bob.did)?.com.atproto.server.getServiceAuth({ aud, lxm })) ?? {}
    return data?.token ?? ''
  }

  it('needs a token of the reader, made for this method of this server, and used for the first time', async () => {
    const good = await tokenOf(indexer.did)
    expect((await get(good)).status).toBe(200)
    const foreign = await Secp256k1Keypair.create()
    const forge = (iss: string) =>
      createServiceJwt({ iss, aud: indexer.did, lxm: timeline, keypair: foreign })
    for (const token of [
      '',
      'a.b.c',
      good,
      `${good}x`,
      await tokenOf(network.serviceDid),
      await tokenOf(indexer.did, 'zone.stratos.feed.getPost'),
      await forge(bob.did),
      await forge('did:web:nobody.invalid'),
      await forge('did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'),
      await forge(foreign.did()),
    ]) {
      const { status, body } = await get(token)
      expect([status, body.error]).toEqual([401, 'AuthenticationRequired'])
    }
  })

  it('holds up nobody with a key that takes long to read', async () => {
    const stranger = await startWebIdentity()
    const { account, did } = stranger
    const method = {
      id: `${did}#atproto`,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase: `z${'y'.repeat(200_000)}`,
    }
    stranger.pages.set('/.well-known/did.json', () => ({ json: { id: did, verificationMethod: [method] } }))
    const exp = Math.floor(Date.now() / 1000) + 60
    const token = await account.serviceJwt({ aud: indexer.did, lxm: timeline, exp, jti: 'once' })
    expect((await get(token)).status).toBe(401)
    expect((await get(await tokenOf(indexer.did))).status).toBe(200)
    await stranger.close()
  }, 20_000)

  it('counts for nobody who has left before it was found out who they are', async () => {
    const stranger = await startWebIdentity()
    const { json } = stranger.pages.get('/.well-known/did.json')?.(undefined as never, '') ?? { json: {} }
    const gate = Promise.withResolvers<void>()
    stranger.pages.set('/.well-known/did.json', () => ({ json, after: gate.promise }))
    const made = (jti: number) => {
      const exp = Math.floor(Date.now() / 1000) + 60
      return stranger.account.serviceJwt({ aud: indexer.did, lxm: timeline, exp, jti: String(jti) })
    }
    const leaving = new AbortController()
    // As many as keys of strangers are looked up at a time, and as an account may read at a time.
    const left = Array.from({ length: 16 }, async (_, jti) => {
      const headers = { authorization: `Bearer ${await made(jti)}` }
      await fetch(`${indexer.url}/xrpc/${timeline}`, { headers, signal: leaving.signal }).catch(
        () => undefined,
      )
    })
    await waitUntil('looking for the keys', () => stranger.asked.length === 16)
    leaving.abort()
    await Promise.all(left)
    await get('')
    gate.resolve()
    for (let times = 0; times < 3; times += 1) expect((await get(await made(100 + times))).status).toBe(200)
    await stranger.close()
  })

  it('leaves no very large document of a stranger in memory', async () => {
    for (const [padding, looks] of [
      [100, 1],
      [20_000, 2],
    ] as const) {
      const services = (origin: string) => [
        { id: '#x', type: 'X', serviceEndpoint: `${origin}/${'x'.repeat(padding)}` },
      ]
      const stranger = await startWebIdentity(services)
      for (let times = 0; times < 2; times += 1) {
        const exp = Math.floor(Date.now() / 1000) + 60
        const token = await stranger.account.serviceJwt({
          aud: indexer.did,
          lxm: timeline,
          exp,
          jti: `${times}`,
        })
        expect((await get(token)).status).toBe(200)
      }
      expect(stranger.asked).toHaveLength(looks)
      await stranger.close()
    }
  })

  it('has a limit and a cursor that are ones, and goes on where the last page ended', async () => {
    for (const [name, value] of [
      ['limit', '101'],
      ['limit', '0'],
      ['cursor', 'x'],
    ] as const) {
      expect((await get(await tokenOf(indexer.did), { [name]: value })).status).toBe(400)
    }
    for (const text of ['page one', 'page two', 'page three']) await create(text, ['general'])
    const newest = async () => (await read(bob, 'getTimeline', { limit: '1' })).body.feed[0]?.post.record.text
    await waitUntil('the posts', async () => (await newest()) === 'page three')
    const first = (await read(bob, 'getTimeline', { limit: '2' })).body
    const second = (await read(bob, 'getTimeline', { limit: '1', cursor: first.cursor })).body
    const texts = [...first.feed, ...second.feed].map(({ post: { record } }) => record.text)
    expect(texts).toEqual(['page three', 'page two', 'page one'])
  })

  it('for a boundary that the reader does not hold finds nothing', async () => {
    expect((await read(bob, 'getTimeline', { boundary: behind('other') })).body).toEqual({ feed: [] })
  })

  it('may come from a web page of any origin', async () => {
    const answer = await sendRequest('OPTIONS', `${indexer.url}/xrpc/${timeline}`)
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'authorization',
    })
  })
})

it('whoever writes very large posts, or takes no answers, does not fill the memory that all share', async () => {
  const more = { more: 'x'.repeat(200_000) }
  const large: string[] = []
  for (let count = 0; count < 30; count += 1) large.push(await create(`large ${count}`, ['writers'], more))
  const [newest = ''] = large.slice(-1)
  await waitUntil('the posts', async () => (await read(bob, 'getPost', { uri: newest })).status === 200)
  const found: string[] = []
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const params = { limit: '100', boundary: behind('writers'), ...(cursor === '' ? {} : { cursor }) }
    const { body, bytes } = await read(bob, 'getTimeline', params)
    expect(bytes.length).toBeLessThan(3_000_000)
    found.push(...body.feed.map((entry: { post: { uri: string } }) => entry.post.uri))
    cursor = body.cursor
  }
  expect(found.filter((uri) => large.includes(uri))).toEqual(large.toReversed())

  const agent = agents.get(bob.did)
  const lxm = 'zone.stratos.feed.getTimeline'
  const deaf: Socket[] = []
  const status = async (reader: Account) => (await read(reader, 'getTimeline', { limit: '1' })).status
  while (deaf.length < 60 && (await status(bob)) === 200) {
    const socket = connect(Number(new URL(indexer.url).port), '127.0.0.1').pause()
    socket.on('error', () => undefined)
    deaf.push(socket)
    // The first ones are what the system keeps for both ends of a connection.
    for (let count = 0; count < 5; count += 1) {
      const auth = await agent?.com.atproto.server.getServiceAuth({ aud: indexer.did, lxm })
      const headers = `Host: x\r\nAuthorization: Bearer ${auth?.data.token}`
      socket.write(`GET /xrpc/${lxm}?limit=100 HTTP/1.1\r\n${headers}\r\n\r\n`)
    }
  }
  expect([await status(bob), await status(alice)]).toEqual([429, 200])
  for (const socket of deaf) socket.destroy()
  await waitUntil('their end', async () => (await status(bob)) === 200)
  for (const uri of large) await write(writer, alice.did, 'deleteRecord', { rkey: rkeyOf(uri) })
})

describe('the profile of an account', () => {
  it('has its handle, all boundaries for itself, and shared ones for others', async () => {
    const get = async (reader: Account, actor: string) =>
      (await read(reader, 'app.bsky.actor.getProfile', { actor })).body
    await waitUntil('the handle', async () => (await get(bob, bob.handle)).did === bob.did)
    expect((await get(bob, bob.did)).associated.stratosDomains.toSorted()).toEqual(
      [behind('general'), behind('writers')].toSorted(),
    )
    expect((await get(carol, alice.handle)).associated.stratosDomains).toEqual([])
  })
})

describe('enrollment records on PDSes', () => {
  const outcome = async (name: string) => {
    const text = await (await fetch(`${indexer.url}/metrics`)).text()
    return Number(new RegExp(`enrollment_records_total\\{outcome="${name}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
  }
  const enrollments = () =>
    database.db
      .selectFrom('stratos_enrollment_boundary')
      .selectAll()
      .orderBy('did')
      .orderBy('boundary')
      .execute()
  const announced = async () => {
    const rows = await database.db
      .selectFrom('stratos_announcement')
      .select(['rkey', 'service', 'boundaries'])
      .where('did', '=', alice.did)
      .orderBy('rkey')
      .execute()
    return rows.map(({ rkey }) => rkey)
  }

  it('IDX-001: are ignored when they are of other services, or without a good attestation', async () => {
    const agent = agents.get(alice.did)
    if (agent === undefined) throw new Error('alice is not signed in')
    const own = network.serviceDid.replaceAll('%3A', ':')
    await waitUntil('the enrollment record', async () => (await announced()).includes(own))
    const before = await enrollments()
    const get = { repo: alice.did, collection: ENROLLMENT }
    const { data } = await agent.com.atproto.repo.getRecord({ ...get, rkey: own })
    const put = (rkey: string, more: object) =>
      agent.com.atproto.repo.putRecord({ ...get, rkey, validate: false, record: { ...data.value, ...more } })

    await put('self', { service: 'https://stratos.evil.example' })
    await put('forged', { boundaries: [{ value: behind('other') }] })
    await put('broken', { attestation: 7 })
    // The attestation of somebody else.
    const bobs = await agent.com.atproto.repo.getRecord({ ...get, repo: bob.did, rkey: own })
    await put('borrowed', bobs.data.value)
    await put('again', {})
    await waitUntil('the firehose', async () => (await announced()).includes('again'))
    expect([await outcome('foreign'), await outcome('unverified'), await outcome('malformed')]).toEqual([
      1, 2, 1,
    ])
    expect(await announced()).toEqual(['again', own])
    expect(await enrollments()).toEqual(before)

    await agent.com.atproto.repo.deleteRecord({ ...get, rkey: 'again' })
    await waitUntil('the deletion', async () => (await announced()).join() === own)
  })

  it('are read from the PDSes when the firehose does not go back that far', async () => {
    await indexer.stop('SIGKILL')
    await database.db.deleteFrom('stratos_announcement').execute()
    await database.db.deleteFrom('stratos_backfill').execute()
    await database.db.deleteFrom('stratos_sync_cursor').where('stream', 'like', 'com.atproto.%').execute()
    await indexer.start()
    const progress = () =>
      database.db.selectFrom('stratos_backfill').select(['repos', 'finishedAt']).executeTakeFirst()
    await waitUntil('the backfill', async () => (await progress())?.finishedAt != null)
    expect(await progress()).toMatchObject({ repos: 3 })
    expect(await announced()).toEqual([network.serviceDid.replaceAll('%3A', ':')])
  })
})

it('two services are kept apart, also where both have a record under the same URI', async () => {
  const second = await network.startSecondService()
  await enroll(second, alice)
  indexer.follow([network.serviceUrl, second.serviceUrl])
  await indexer.stop()
  await indexer.start()
  const here = await create('brazil nut here', ['general'])
  const there = await ProofClient.signIn({ ...network, ...second }, alice)
  const record = post(second.serviceDid, 'brazil nut there', ['general'])
  expect(await write(there, alice.did, 'createRecord', { rkey: rkeyOf(here), record })).toBe(here)

  const textsOf = async (reader: Account) => {
    const { body } = await read(reader, 'getAuthorFeed', { actor: alice.did })
    const found = body.feed.filter((entry: { post: { uri: string } }) => entry.post.uri === here)
    return found.map((entry: { post: { record: { text: string } } }) => entry.post.record.text).join()
  }
  const kept = () =>
    database.db.selectFrom('stratos_post').select('text').where('uri', '=', here).orderBy('text').execute()
  await waitUntil('both', async () => (await kept()).length === 2)
  expect(await kept()).toEqual([{ text: 'brazil nut here' }, { text: 'brazil nut there' }])
  expect(await textsOf(bob)).toBe('brazil nut here')
  expect((await read(bob, 'getPost', { uri: here })).body.post.post.service).toBe(network.serviceDid)

  await write(writer, alice.did, 'deleteRecord', { rkey: rkeyOf(here) })
  await waitUntil('the deletion', async () => (await kept()).length === 1)
  expect(await textsOf(bob)).toBe('')
  expect(await textsOf(alice)).toBe('brazil nut there')
})

it('whoever unenrolls sees nothing, and is seen by nobody', async () => {
  await network.setBoundaries(carol.did, ['writers'])
  const carols = await ProofClient.signIn(network, carol)
  const record = post(network.serviceDid, 'cashew farewell', ['writers'])
  const uri = await write(carols, carol.did, 'createRecord', { record })
  const inTimeline = async (reader: Account) => (await read(reader, 'getTimeline')).bytes.includes('cashew')
  await waitUntil('the post', async () => (await inTimeline(bob)) && (await inTimeline(carol)))
  const left = await carols.call('POST', 'zone.stratos.enrollment.unenroll', { body: {} })
  expect(left.status).toBe(200)
  await waitUntil('leaving', async () => !(await inTimeline(bob)))
  await waitUntil('leaving', async () => (await read(carol, 'getTimeline')).body.feed?.length === 0)
  expect((await read(bob, 'getPost', { uri })).status).toBe(404)
  // Tokens of strangers open nothing, so they take no room that those of readers need.
  const lxm = 'zone.stratos.feed.getTimeline'
  const token = await agents.get(carol.did)?.com.atproto.server.getServiceAuth({ aud: indexer.did, lxm })
  const headers = { authorization: `Bearer ${token?.data.token}` }
  for (let times = 0; times < 2; times += 1) {
    const { status, body } = await sendRequest('GET', `${indexer.url}/xrpc/${lxm}`, { headers })
    expect([status, body]).toEqual([200, { feed: [] }])
  }
  for (const table of ['stratos_record', 'stratos_enrollment', 'stratos_repo'] as const) {
    const rows = await database.db.selectFrom(table).select('did').where('did', '=', carol.did).execute()
    expect(rows).toEqual([])
  }
})

it('a service that does not answer is told of, and not passed off as one where nobody has written', async () => {
  await create('chestnut silence', ['general'])
  const timelineOf = async (reader: Account) => read(reader, 'getTimeline')
  await waitUntil('the post', async () => (await timelineOf(bob)).bytes.includes('chestnut'))
  await network.stopService()
  await waitUntil('the silence', async () => (await timelineOf(bob)).status === 503)
  const answer = await timelineOf(bob)
  expect(answer).toMatchObject({ status: 503, body: { error: 'ServiceUnavailable' } })
  expect(answer.headers['retry-after']).toBe('3')
  expect(answer.bytes.includes('chestnut')).toBe(false)
  // Another one still does: what she may see there is shown.
  expect((await timelineOf(alice)).status).toBe(200)
  // Whoever is enrolled nowhere has nothing to wait for.
  expect((await timelineOf(carol)).body).toEqual({ feed: [] })
  await network.restartService()
  await waitUntil('the post again', async () => (await timelineOf(bob)).bytes.includes('chestnut'))
})
