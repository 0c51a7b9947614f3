import type { AliasedExpression, SelectQueryBuilder } from 'kysely'
import type { Db } from '../tables/database.ts'
import type { Tables } from '../tables/schema.ts'
import type { FeedPosition } from './cursor.ts'
import { serviceOf } from './viewer.ts'

/** A post as it is kept, of which the viewer was found to be a reader. */
export interface KeptPost {
  readonly uri: string
  readonly service: string
  readonly cid: string
  readonly creator: string
  /** null if none is known to hold. */
  readonly handle: string | null
  /** Canonical DAG-CBOR. */
  readonly record: Uint8Array
  readonly indexedAt: string
  readonly sortAt: string
}

export interface PageRequest {
  /** Exclusive; null for the first page. */
  readonly after: FeedPosition | null
  /** At least 1. */
  readonly limit: number
}

/** Lists posts of all authors behind any of some boundaries, newest first. */
export function listTimeline(db: Db, boundaries: readonly string[], page: PageRequest): Promise<KeptPost[]> {
  const sources = boundaries.map((boundary) => newest(behind(db, boundary), page))
  return listMerged(db, sources, page.limit)
}

/** Lists posts of one author behind any of some boundaries, newest first. */
export function listByAuthor(
  db: Db,
  author: string,
  boundaries: readonly string[],
  page: PageRequest,
): Promise<KeptPost[]> {
  const sources = boundaries.map((boundary) =>
    newest(behind(db, boundary).where('creator', '=', author), page),
  )
  return listMerged(db, sources, page.limit)
}

/** Lists all posts that an account has on some services, newest first: for the account itself. */
export function listOwn(
  db: Db,
  did: string,
  services: readonly string[],
  { after, limit }: PageRequest,
): Promise<KeptPost[]> {
  const sources = services.map((service) => {
    const posts = db
      .selectFrom('stratos_post')
      .select(['uri', 'service', 'sortAt'])
      .where('creator', '=', did)
      .where('service', '=', service)
      .orderBy('sortAt', 'desc')
      .orderBy('uri', 'desc')
      .limit(limit)
    return after === null
      ? posts
      : posts.where((eb) => eb(eb.refTuple('sortAt', 'uri'), '<', eb.tuple(after.sortAt, after.uri)))
  })
  return listMerged(db, sources, limit)
}

/** Where a post stands in a feed, and which service has it. */
interface Place extends FeedPosition {
  readonly service: string
}
/** A part of a feed, in order. */
interface Source {
  as(alias: 'part'): AliasedExpression<Place, 'part'>
}
type Behind = SelectQueryBuilder<Tables, 'stratos_post_boundary', Place>

function behind(db: Db, boundary: string): Behind {
  return db
    .selectFrom('stratos_post_boundary')
    .select(['uri', 'service', 'sortAt'])
    .where('boundary', '=', boundary)
    .where('service', '=', serviceOf(boundary))
}

function newest(source: Behind, { after, limit }: PageRequest): Behind {
  const ordered = source.orderBy('sortAt', 'desc').orderBy('uri', 'desc').limit(limit)
  if (after === null) return ordered
  return ordered.where((eb) => eb(eb.refTuple('sortAt', 'uri'), '<', eb.tuple(after.sortAt, after.uri)))
}

/** Parts of one statement: SQLite takes 500. */
const MAX_SOURCES = 200

/**
 * Merges sources that are in order, each cut at the limit. A post that is in several of them comes once.
 *
 * That way a page costs the same however many posts there are: an index yields each part in order, and nothing is sorted but
 * those parts.
 */
async function listMerged(db: Db, sources: readonly Source[], limit: number): Promise<KeptPost[]> {
  const pages: KeptPost[][] = []
  for (let start = 0; start < sources.length; start += MAX_SOURCES) {
    const [first, ...others] = sources
      .slice(start, start + MAX_SOURCES)
      .map((source) => db.selectFrom(source.as('part')).select(['uri', 'service', 'sortAt']))
    if (first === undefined) break
    const merged = others.reduce((all, part) => all.unionAll(part), first)
    const page = db
      .selectFrom(merged.as('merged'))
      .select(['sortAt', 'uri', (eb) => eb.fn.min('service').as('service')])
      .groupBy(['sortAt', 'uri'])
      .orderBy('sortAt', 'desc')
      .orderBy('uri', 'desc')
      .limit(limit)
    pages.push(await listKept(db, page))
  }
  return pages.length === 1 ? (pages[0] ?? []) : mergeInOrder(pages.flat(), limit)
}

/** Finds the records of a page and keeps its order. */
export function listKept(
  db: Db,
  page: { as(alias: 'page'): AliasedExpression<Place, 'page'> },
): Promise<KeptPost[]> {
  return db
    .selectFrom(page.as('page'))
    .innerJoin('stratos_record as r', (join) =>
      join.onRef('r.uri', '=', 'page.uri').onRef('r.service', '=', 'page.service'),
    )
    .leftJoin('stratos_actor as a', 'a.did', 'r.did')
    .select(['r.uri', 'r.service', 'r.cid', 'r.did as creator', 'r.record', 'r.indexedAt'])
    .select(['a.handle', 'page.sortAt'])
    .orderBy('page.sortAt', 'desc')
    .orderBy('page.uri', 'desc')
    .execute()
}

function mergeInOrder(rows: readonly KeptPost[], limit: number): KeptPost[] {
  const byPosition = new Map(rows.map((row) => [`${row.sortAt} ${row.uri}`, row]))
  const newestFirst = [...byPosition].toSorted(([a], [b]) => (a < b ? 1 : -1))
  return newestFirst.slice(0, limit).map(([, row]) => row)
}
