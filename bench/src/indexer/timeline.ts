import { sql } from 'kysely'
import { encodeRecord } from 'stratos-core'
import {
  listTimeline,
  openDatabase,
  type Database,
  type DatabaseSettings,
  type KeptPost,
} from 'stratos-indexer'
import { median, significant } from '../statistics.ts'

const SERVICE = 'did:web:stratos.example'
const BOUNDARIES = 100
const HELD = [3, 17, 42, 68, 91].map(boundaryOf)
const AUTHORS = 500
const PAGE = 50
const PAGES = 40
const AT_ONCE = 400
const FIRST_MS = Date.UTC(2025, 0, 1)

/**
 * A page of the timeline of somebody in five of a hundred boundaries, in tables of several sizes, against reading the rows of the
 * same page by their keys.
 */
export async function measureTimeline(settings: () => Promise<DatabaseSettings>, sizes: readonly number[]) {
  const found: { posts: number; pageMs: number; rowsMs: number; ratio: number }[] = []
  for (const posts of sizes) {
    const database = await openDatabase(await settings())
    try {
      await seed(database, posts)
      if (database.kind === 'postgres') await analyze(database)
      found.push({ posts, ...(await measurePages(database)) })
    } finally {
      await database.close()
    }
  }
  const [first, last] = [found[0]?.pageMs ?? 0, found.at(-1)?.pageMs ?? 0]
  return { sizes: found, growth: significant(last / first) }
}

/** The first pages of a timeline, one after the other, and again and again. */
async function measurePages(database: Database) {
  const pageMs: number[] = []
  const rowsMs: number[] = []
  for (let round = 0; round < 5; round += 1) {
    let after: KeptPost | null = null
    for (let n = 0; n < PAGES; n += 1) {
      const begin = performance.now()
      const page: KeptPost[] = await listTimeline(database.db, HELD, { after, limit: PAGE })
      const middle = performance.now()
      if (page.length < PAGE) break
      await readByKeys(database, page)
      const end = performance.now()
      // The first round fills the caches.
      if (round > 0) {
        pageMs.push(middle - begin)
        rowsMs.push(end - middle)
      }
      after = page.at(-1) ?? null
    }
  }
  const [ours, bare] = [median(pageMs), median(rowsMs)]
  return { pageMs: significant(ours), rowsMs: significant(bare), ratio: significant(ours / bare) }
}

async function readByKeys({ db }: Database, page: readonly KeptPost[]): Promise<void> {
  const rows = await db
    .selectFrom('stratos_record')
    .select(['uri', 'service', 'cid', 'did', 'record', 'indexedAt'])
    .where('service', '=', SERVICE)
    .where(
      'uri',
      'in',
      page.map(({ uri }) => uri),
    )
    .execute()
  if (rows.length !== page.length) throw new Error('rows are missing')
}

async function seed({ db }: Database, posts: number): Promise<void> {
  const { cid, bytes } = await encodeRecord({
    $type: 'zone.stratos.feed.post',
    text: 'a post of usual length, with nothing in it that matters to anybody at all',
    createdAt: '2026-01-15T12:00:00.000Z',
  })
  for (let start = 0; start < posts; start += AT_ONCE) {
    const size = Math.min(AT_ONCE, posts - start)
    const rows = Array.from({ length: size }, (_, index) => rowsOf(start + index, cid.toString(), bytes))
    await db.transaction().execute(async (tx) => {
      await tx
        .insertInto('stratos_record')
        .values(rows.map(({ record }) => record))
        .execute()
      await tx
        .insertInto('stratos_post')
        .values(rows.map(({ post }) => post))
        .execute()
      await tx
        .insertInto('stratos_post_boundary')
        .values(rows.map(({ boundary }) => boundary))
        .execute()
    })
    if (start % 100_000 === 0) process.stderr.write(`${start} posts\n`)
  }
}

function rowsOf(n: number, cid: string, bytes: Uint8Array) {
  const did = `did:web:author${n % AUTHORS}.example`
  const rkey = `post${n.toString().padStart(8, '0')}`
  const at = new Date(FIRST_MS + n * 1_000).toISOString()
  const key = { uri: `at://${did}/zone.stratos.feed.post/${rkey}`, service: SERVICE }
  const collection = 'zone.stratos.feed.post'
  return {
    record: { ...key, cid, did, collection, rkey, record: bytes, indexedAt: at },
    post: { ...key, cid, rkey, creator: did, text: 'a post', createdAt: at, indexedAt: at, sortAt: at },
    // Spread by a prime, so that each boundary has posts of all times and authors.
    boundary: { ...key, boundary: boundaryOf((n * 7_919) % BOUNDARIES), creator: did, sortAt: at },
  }
}

/** As a server does by itself sooner or later. */
async function analyze({ db }: Database): Promise<void> {
  for (const table of ['stratos_record', 'stratos_post', 'stratos_post_boundary'] as const) {
    await sql`analyze ${sql.table(table)}`.execute(db)
  }
}

function boundaryOf(n: number): string {
  return `${SERVICE}/boundary${n}`
}
