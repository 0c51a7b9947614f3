import type { AliasedExpression, SelectQueryBuilder } from 'kysely'
import type { Db } from '../tables/database.ts'
import type { Tables } from '../tables/schema.ts'
import type { FeedPosition } from './cursor.ts'
import { listKept, type KeptPost, type Place } from './kept-posts.ts'
import { serviceOf } from './viewer.ts'

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
  const pages = []
  for (let start = 0; start < sources.length; start += MAX_SOURCES) {
    const [first, ...others] = sources
      .slice(start, start + MAX_SOURCES)
      .map((source) => db.selectFrom(source.as('part')).select(['uri', 'service', 'sortAt']))
    if (first === undefined) break
    const merged = others.reduce((all, part) => all.unionAll(part), first)
    pages.push(
      db
        .selectFrom(merged.as('merged'))
        .select(['sortAt', 'uri', (eb) => eb.fn.min('service').as('service')])
        .groupBy(['sortAt', 'uri'])
        .orderBy('sortAt', 'desc')
        .orderBy('uri', 'desc')
        .limit(limit),
    )
  }
  const [only, ...more] = pages
  if (only === undefined) return []
  if (more.length === 0) return listKept(db, only)
  const places = mergeInOrder((await Promise.all(pages.map((page) => page.execute()))).flat(), limit)
  if (places.length === 0) return []
  const found = db
    .selectFrom('stratos_post')
    .select(['uri', 'service', 'sortAt'])
    .where((eb) =>
      eb.or(places.map(({ uri, service }) => eb.and([eb('uri', '=', uri), eb('service', '=', service)]))),
    )
  return listKept(db, found)
}

/** Newest first, each once. */
function mergeInOrder(places: readonly Place[], limit: number): Place[] {
  const byPosition = new Map(places.map((place) => [`${place.sortAt} ${place.uri}`, place]))
  const newestFirst = [...byPosition].toSorted(([a], [b]) => (a < b ? 1 : -1))
  return newestFirst.slice(0, limit).map(([, place]) => place)
}
