import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeRecord } from 'stratos-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../../../stratos-service/tests/_util/databases.ts'
import { openDatabase, type Database } from '../tables/database.ts'
import { formatCursor, parseCursor } from './cursor.ts'
import { listByAuthor, listOwn, listTimeline } from './feed-queries.ts'
import { findPost, listReplies } from './post-queries.ts'
import { prepareSearch, searchPosts, wordsOf } from './search.ts'
import type { Viewer } from './viewer.ts'

const A = 'did:web:a.example'
const B = 'did:web:b.example'
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
    const replies = await listReplies(database.db, viewer(ALICE, `${A}/x`), [uriOf('x')], {
      posts: 10,
      bytes: 1_000_000,
    })
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

  it('gives the same for more boundaries than one statement takes', async () => {
    const boundaries = Array.from({ length: 450 }, (_, n) => `${A}/${n === 0 ? 'x' : n === 449 ? 'y' : n}`)
    expect(rkeysOf(await listTimeline(database.db, boundaries, { ...FIRST, limit: 3 }))).toEqual(
      rkeysOf(await listTimeline(database.db, [`${A}/x`, `${A}/y`], { ...FIRST, limit: 3 })),
    )
  })

  it('ends a page where its records weigh too much, and goes on with the next', async () => {
    const large = Array.from({ length: 20 }, (_, n) => ({
      rkey: `large${String(n).padStart(2, '0')}`,
      boundaries: [`${A}/large`],
      minute: n,
      parent: uriOf('y'),
      text: 'x'.repeat(250_000),
    }))
    await seed(database, large)
    const seen: string[] = []
    for (let after = null as ReturnType<typeof parseCursor>; ;) {
      const page = await listTimeline(database.db, [`${A}/large`], { after, limit: 100 })
      expect(page.length).toBeLessThan(10)
      seen.push(...rkeysOf(page))
      const last = page.at(-1)
      if (last === undefined) break
      after = parseCursor(formatCursor(last))
    }
    expect(seen).toEqual(large.map(({ rkey }) => rkey).toReversed())
    const reader = viewer(BOB, `${A}/large`)
    const replies = await listReplies(database.db, reader, [uriOf('y')], { posts: 100, bytes: 600_000 })
    expect(rkeysOf(replies)).toEqual(['large00', 'large01', 'large02'])
    for (const table of ['stratos_post_boundary', 'stratos_post', 'stratos_record'] as const)
      await database.db.deleteFrom(table).where('uri', 'like', '%/large%').execute()
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
})
