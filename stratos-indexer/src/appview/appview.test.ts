import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { createServiceJwt } from '@atproto/xrpc-server'
import { jsonToLex } from '@atproto/lex-json'
import { encodeRecord } from 'stratos-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../../../stratos-service/tests/_util/databases.ts'
import { createLogger } from '../logger.ts'
import { openDatabase, type Database } from '../tables/database.ts'
import { formatCursor, parseCursor } from './cursor.ts'
import { listByAuthor, listOwn, listTimeline } from './feed-queries.ts'
import { Memberships } from './memberships.ts'
import { findPost, listReplies } from './post-queries.ts'
import { RequestRate } from './request-rate.ts'
import { prepareSearch, searchPosts, wordsOf } from './search.ts'
import { createAppview } from './server.ts'
import { ViewerTokens } from './viewer-tokens.ts'
import type { Viewer } from './viewer.ts'

const A = 'did:web:a.example'
const B = 'did:web:b.example'
const INDEXER = 'did:web:indexer.example'
const ALICE = 'did:web:alice.example'
const BOB = 'did:web:bob.example'
const POST = 'zone.stratos.feed.post'

interface Seed {
  rkey: string
  boundaries: readonly string[]
  service?: string
  author?: string
  minute?: number
  parent?: string
  text?: string
}

async function seed(database: Database, posts: readonly Seed[]): Promise<void> {
  for (const { rkey, boundaries, service = A, author = ALICE, minute = 0, parent, text = rkey } of posts) {
    const uri = `at://${author}/${POST}/${rkey}`
    const sortAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()
    const record = { $type: POST, text, tally: [1, { deep: new Uint8Array([1, 2]) }], createdAt: sortAt }
    const { cid, bytes } = await encodeRecord(record)
    const place = { uri, service, cid: cid.toString(), rkey }
    await database.db
      .insertInto('stratos_record')
      .values({ ...place, did: author, collection: POST, record: bytes, indexedAt: sortAt })
      .execute()
    await database.db
      .insertInto('stratos_post')
      .values({
        ...place,
        creator: author,
        text,
        replyParent: parent,
        createdAt: sortAt,
        indexedAt: sortAt,
        sortAt,
      })
      .execute()
    for (const boundary of boundaries) {
      const row = { uri, service, boundary, creator: author, sortAt }
      await database.db.insertInto('stratos_post_boundary').values(row).execute()
    }
  }
}

const uriOf = (rkey: string, author = ALICE) => `at://${author}/${POST}/${rkey}`
const rkeysOf = (posts: readonly { uri: string }[]) =>
  posts.map(({ uri }) => uri.slice(uri.lastIndexOf('/') + 1))
const viewer = (did: string, ...boundaries: string[]): Viewer => ({
  did,
  boundaries: new Map([[A, boundaries]]),
})
const FIRST = { after: null, limit: 100 }

describe.each(['SQLite', 'Postgres'] as const)('the read API on %s', (kind) => {
  let database: Database
  let close: () => Promise<void>

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stratos-appview-'))
    const made = kind === 'SQLite' ? null : await createDatabase()
    database = await openDatabase(
      made === null
        ? { kind: 'sqlite', file: join(directory, 'index.sqlite') }
        : { kind: 'postgres', url: made.url, schema: 'bsky', poolSize: 3 },
    )
    close = async () => {
      await database.close()
      await made?.drop()
      rmSync(directory, { recursive: true })
    }
    await seed(database, [
      { rkey: 'x', boundaries: [`${A}/x`], minute: 1, text: 'Walnuts are "nice"' },
      { rkey: 'y', boundaries: [`${A}/y`], minute: 2, text: 'walnuts for y' },
      { rkey: 'xy', boundaries: [`${A}/x`, `${A}/y`], minute: 3 },
      { rkey: 'none', boundaries: [], minute: 4 },
      // Another service claims a boundary that is not its own.
      { rkey: 'forged', boundaries: [`${A}/x`], service: B, minute: 5 },
      { rkey: 'bobx', boundaries: [`${A}/x`], author: BOB, minute: 6, parent: uriOf('x') },
      { rkey: 'boby', boundaries: [`${A}/y`], author: BOB, minute: 7, parent: uriOf('x') },
    ])
  })
  afterAll(async () => close())

  it.each<[string, readonly string[], readonly string[]]>([
    ['nobody', [], []],
    ['a member of x', [`${A}/x`], ['bobx', 'xy', 'x']],
    ['a member of y', [`${A}/y`], ['boby', 'xy', 'y']],
    ['a member of both', [`${A}/x`, `${A}/y`], ['boby', 'bobx', 'xy', 'y', 'x']],
    ['a member of a longer name', [`${A}/xx`], []],
    ['a member of the same name elsewhere', [`${B}/x`], []],
  ])('shows %s the timeline of their boundaries alone', async (_, boundaries, expected) => {
    expect(rkeysOf(await listTimeline(database.db, boundaries, FIRST))).toEqual(expected)
  })

  it('shows an author only what the reader shares with them, and the author everything', async () => {
    expect(rkeysOf(await listByAuthor(database.db, ALICE, [`${A}/x`], FIRST))).toEqual(['xy', 'x'])
    expect(rkeysOf(await listOwn(database.db, ALICE, [A], FIRST))).toEqual(['none', 'xy', 'y', 'x'])
    expect(await listOwn(database.db, ALICE, [], FIRST)).toEqual([])
  })

  it.each<[string, Viewer, readonly string[]]>([
    ['a stranger', { did: BOB, boundaries: new Map() }, []],
    ['an enrolled reader without boundaries', viewer(BOB), []],
    ['a member of x', viewer(BOB, `${A}/x`), ['x', 'xy']],
    ['the author', viewer(ALICE), ['x', 'y', 'xy', 'none']],
  ])('finds single posts for %s', async (_, reader, expected) => {
    const found = []
    for (const rkey of ['x', 'y', 'xy', 'none', 'forged', 'missing']) {
      if (reader.boundaries.size > 0 && (await findPost(database.db, reader, uriOf(rkey))) !== null)
        found.push(rkey)
    }
    expect(found).toEqual(expected)
  })

  it('shows only those answers that the reader may see', async () => {
    const replies = await listReplies(database.db, viewer(ALICE, `${A}/x`), [uriOf('x')], 10)
    expect(rkeysOf(replies)).toEqual(['bobx'])
  })

  it.each([1, 2, 3])('gives every post once, and nothing else, in pages of %d', async (limit) => {
    const boundaries = [`${A}/x`, `${A}/y`]
    const all = await listTimeline(database.db, boundaries, FIRST)
    const seen: string[] = []
    for (let after = null as ReturnType<typeof parseCursor>; ;) {
      const page = await listTimeline(database.db, boundaries, { after, limit })
      seen.push(...rkeysOf(page))
      const last = page.at(-1)
      if (last === undefined) break
      after = parseCursor(formatCursor(last))
    }
    expect(seen).toEqual(rkeysOf(all))
  })

  it('searches the boundaries it was told to, among those of the viewer, and forgets with the post', async () => {
    await prepareSearch(database, [`${A}/x`])
    const search = async (query: string, ...boundaries: string[]) =>
      rkeysOf(await searchPosts(database, wordsOf(query), boundaries, FIRST))
    expect(await search('walnuts', `${A}/x`, `${A}/y`)).toEqual(['x'])
    expect(await search('walnuts', `${A}/y`)).toEqual([])
    expect(await search('"walnuts" OR nice* NEAR(', `${A}/x`)).toEqual([])
    expect(await search('"nice"', `${A}/x`)).toEqual(['x'])
    await seed(database, [{ rkey: 'later', boundaries: [`${A}/x`], text: 'pecan' }])
    expect(await search('pecan', `${A}/x`)).toEqual(['later'])
    for (const table of ['stratos_post_boundary', 'stratos_post', 'stratos_record'] as const)
      await database.db.deleteFrom(table).where('uri', '=', uriOf('later')).execute()
    expect(await search('pecan', `${A}/x`)).toEqual([])
    await prepareSearch(database, [])
    expect(await search('walnuts', `${A}/x`)).toEqual([])
  })

  it('answers members with records that their CIDs name, and nobody else, over HTTP', async () => {
    const keys = new Map([
      [BOB, await Secp256k1Keypair.create()],
      [ALICE, await Secp256k1Keypair.create()],
    ])
    const live = new Map([[BOB, [`${A}/x`]]])
    let asked = 0
    // What a Stratos service says; the service itself is tested with the whole network.
    const service = createServer((request, response) => {
      asked++
      const did = new URL(request.url ?? '', 'http://localhost').searchParams.get('did') ?? ''
      response.end(JSON.stringify({ did, enrolled: live.has(did), boundaries: live.get(did) ?? [] }))
    }).listen(0, '127.0.0.1')
    await once(service, 'listening')
    const serviceUrl = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
    for (const did of [BOB, ALICE]) {
      const times = { enrolledAt: '2026-01-01T00:00:00.000Z', lastChecked: '2026-01-01T00:00:00.000Z' }
      await database.db
        .insertInto('stratos_enrollment')
        .values({ did, service: A, serviceUrl, boundaries: '[]', ...times })
        .execute()
    }
    const clock = { offsetMs: 0 }
    const nowMs = () => Date.now() + clock.offsetMs
    const server = createServer(
      createAppview({
        database,
        memberships: new Memberships({
          db: database.db,
          services: () => new Map([[A, serviceUrl]]),
          serviceToken: async () => 'token',
          fetch,
          nowMs,
          onFailure: (_, err) => {
            throw err
          },
        }),
        tokens: new ViewerTokens({
          did: INDEXER,
          signingKey: async (did) => keys.get(did)?.did() ?? Promise.reject(new Error('no such account')),
          nowMs,
        }),
        rate: new RequestRate(30, nowMs),
        logger: createLogger('silent'),
      }).router,
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/xrpc/`
    const mint = (iss: string, lxm: string, aud = INDEXER, signer = iss) => {
      const keypair = keys.get(signer)
      if (keypair === undefined) throw new Error('no key')
      return createServiceJwt({ iss, aud, lxm, keypair })
    }
    const get = async (method: string, params: Record<string, string>, token?: string) => {
      const response = await fetch(`${base}${method}?${new URLSearchParams(params)}`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      })
      return { status: response.status, body: JSON.parse(await response.text()) }
    }
    const timeline = 'zone.stratos.feed.getTimeline'
    try {
      const token = await mint(BOB, timeline, `${INDEXER}#stratos_appview`)
      const page = await get(timeline, { limit: '2' }, token)
      expect(page).toMatchObject({ status: 200, body: { cursor: expect.any(String) } })
      expect(page.body.feed).toHaveLength(2)
      for (const { post } of page.body.feed) {
        expect((await encodeRecord(jsonToLex(post.record) as never)).cid.toString()).toBe(post.cid)
      }
      // A token is used up.
      expect(await get(timeline, {}, token)).toMatchObject({
        status: 401,
        body: { error: 'AuthenticationRequired' },
      })
      for (const bad of [
        undefined,
        'a.b.c',
        await mint(BOB, timeline, 'did:web:other.example'),
        await mint(BOB, 'zone.stratos.feed.getPost'),
        await mint(BOB, timeline, INDEXER, ALICE),
        await mint(
          `did:web:${createHash('md5').update(randomUUID()).digest('hex')}`,
          timeline,
          INDEXER,
          ALICE,
        ),
      ]) {
        expect(await get(timeline, {}, bad)).toMatchObject({
          status: 401,
          body: { error: 'AuthenticationRequired' },
        })
      }
      expect((await get(timeline, { limit: '101' }, await mint(BOB, timeline))).status).toBe(400)
      expect((await get(timeline, { cursor: 'x' }, await mint(BOB, timeline))).status).toBe(400)
      const foreign = await get(timeline, { boundary: `${A}/y` }, await mint(BOB, timeline))
      expect(foreign.body).toEqual({ feed: [] })

      // Hidden and missing are one.
      const getPost = 'zone.stratos.feed.getPost'
      const hidden = await get(getPost, { uri: uriOf('y') }, await mint(BOB, getPost))
      expect(hidden.status).toBe(404)
      expect(await get(getPost, { uri: uriOf('missing') }, await mint(BOB, getPost))).toEqual(hidden)

      const thread = 'zone.stratos.feed.getPostThread'
      const shown = await get(thread, { uri: uriOf('bobx', BOB) }, await mint(BOB, thread))
      expect(shown.body.thread).toMatchObject({ parent: { post: { uri: uriOf('x') } }, replies: [] })

      const profile = await get(
        'app.bsky.actor.getProfile',
        { actor: BOB },
        await mint(BOB, 'app.bsky.actor.getProfile'),
      )
      expect(profile.body).toMatchObject({ did: BOB, associated: { stratosDomains: [`${A}/x`] } })

      // Asked once so far; what the service says later holds within 5 s.
      expect(asked).toBe(1)
      live.delete(BOB)
      clock.offsetMs = 3_001
      expect((await get(timeline, {}, await mint(BOB, timeline))).body).toEqual({ feed: [] })
      expect(asked).toBe(2)
    } finally {
      server.close()
      service.close()
    }
  })
})
