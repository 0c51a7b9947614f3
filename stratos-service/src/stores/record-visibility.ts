/**
 * Which records a viewer comes across. With a scope of boundaries, records are looked up by the boundary they are behind:
 * what is hidden is the same miss in the same index as what is missing, costs a list nothing, and is never read.
 */
import { expressionBuilder, type Expression, type Kysely, type SqlBool } from 'kysely'
import type { Nsid, ReadScope, RecordKey, Rkey } from 'stratos-core'
import { padded } from './pages.ts'
import { isOneOf } from './record-keys.ts'
import type { ActorTables } from './schema.ts'
import { together } from './transaction.ts'

/** A part of one collection, in order of the keys. */
export interface KeyRange {
  readonly collection: Nsid
  readonly after: Rkey | undefined
  readonly ascending: boolean
  readonly limit: number
}

/** SQLite takes 500. */
const MAX_PARTS = 100

/** Those of the keys whose records are in scope. */
export function visibleAmong(
  db: Kysely<ActorTables>,
  repo: number,
  keys: readonly RecordKey[],
  scope: ReadScope,
) {
  if (scope.kind === 'all') {
    return db
      .selectFrom('record as keyed')
      .select(['keyed.collection', 'keyed.rkey'])
      .where('keyed.repo', '=', repo)
      .where(isOneOf(keys))
      .where(notTakenDown())
      .as('visible')
  }
  return db
    .selectFrom('record_boundary as keyed')
    .select(['keyed.collection', 'keyed.rkey'])
    .distinct()
    .where('keyed.repo', '=', repo)
    .where(isOneOf(keys))
    .where('keyed.boundary', 'in', padded(scope.boundaries))
    .where(notTakenDown())
    .as('visible')
}

/** Keys of the records in scope in a range. Never looks at more of them than it finds, for each boundary. */
export function visibleInRange(db: Kysely<ActorTables>, repo: number, range: KeyRange, scope: ReadScope) {
  const direction = range.ascending ? 'asc' : 'desc'
  if (scope.kind === 'all') {
    return db
      .selectFrom('record as keyed')
      .select(['keyed.collection', 'keyed.rkey'])
      .where('keyed.repo', '=', repo)
      .where(inRange(range))
      .where(notTakenDown())
      .orderBy('keyed.rkey', direction)
      .limit(range.limit)
      .as('visible')
  }
  const parts = scope.boundaries.map((boundary) => {
    const part = db
      .selectFrom('record_boundary as keyed')
      .select(['keyed.collection', 'keyed.rkey'])
      .where('keyed.repo', '=', repo)
      .where('keyed.boundary', '=', boundary)
      .where(inRange(range))
      .where(notTakenDown())
      .orderBy('keyed.rkey', direction)
      .limit(range.limit)
    return db.selectFrom(part.as('part')).select(['part.collection', 'part.rkey'])
  })
  const all = unionOf(parts, (union) =>
    db.selectFrom(union.as('part')).select(['part.collection', 'part.rkey']),
  )
  return db
    .selectFrom(all.as('behind_any'))
    .select(['behind_any.collection', 'behind_any.rkey'])
    .orderBy('behind_any.rkey', direction)
    .limit(range.limit)
    .as('visible')
}

interface Unitable<Q> {
  union(other: Q): Q
}

/** @param wrap makes one part of a union */
function unionOf<Q extends Unitable<Q>>(parts: readonly Q[], wrap: (union: Q) => Q): Q {
  if (parts.length > MAX_PARTS) {
    const groups: Q[] = []
    for (let start = 0; start < parts.length; start += MAX_PARTS)
      groups.push(wrap(unionOf(parts.slice(start, start + MAX_PARTS), wrap)))
    return unionOf(groups, wrap)
  }
  return parts.reduce((union, part) => union.union(part))
}

/** The columns that name a record, under the name that all queries here use. */
interface Keyed extends ActorTables {
  keyed: { repo: number; collection: string; rkey: string }
}

function inRange({ collection, after, ascending }: KeyRange): Expression<SqlBool> {
  const eb = expressionBuilder<Keyed, 'keyed'>()
  const ofCollection = eb('keyed.collection', '=', collection)
  return after === undefined
    ? ofCollection
    : eb.and([ofCollection, eb('keyed.rkey', ascending ? '>' : '<', after)])
}

/** Whether the record that a row of the table `keyed` speaks of is in scope. For every query that derives something from records. */
export function isVisible(scope: ReadScope): Expression<SqlBool> {
  if (scope.kind === 'all') return notTakenDown()
  const eb = expressionBuilder<Keyed, 'keyed'>()
  if (scope.boundaries.length === 0) return eb.lit(false)
  const behindOne = eb
    .selectFrom('record_boundary')
    .select('record_boundary.repo')
    .whereRef('record_boundary.repo', '=', 'keyed.repo')
    .whereRef('record_boundary.collection', '=', 'keyed.collection')
    .whereRef('record_boundary.rkey', '=', 'keyed.rkey')
    .where('record_boundary.boundary', 'in', padded(scope.boundaries))
  return eb.and([eb.exists(behindOne), notTakenDown()])
}

/** What an administrator has taken down is not there for anybody. */
function notTakenDown(): Expression<SqlBool> {
  const eb = expressionBuilder<Keyed, 'keyed'>()
  const takedown = eb
    .selectFrom('record_takedown')
    .select('record_takedown.repo')
    .whereRef('record_takedown.repo', '=', 'keyed.repo')
    .whereRef('record_takedown.collection', '=', 'keyed.collection')
    .whereRef('record_takedown.rkey', '=', 'keyed.rkey')
  return eb.not(eb.exists(takedown))
}

/**
 * The first collection after the given one with a record in scope. Skips from collection to collection, however many
 * records they have.
 */
export async function findNextCollection(
  db: Kysely<ActorTables>,
  repo: number,
  scope: ReadScope,
  after: string,
): Promise<string | null> {
  const eb = expressionBuilder<Keyed, 'keyed'>()
  const later = eb.and([eb('keyed.repo', '=', repo), eb('keyed.collection', '>', after), notTakenDown()])
  const inAll = () => db.selectFrom('record as keyed').select('keyed.collection').where(later)
  const behind = (boundary: string) =>
    db
      .selectFrom('record_boundary as keyed')
      .select('keyed.collection')
      .where(later)
      .where('keyed.boundary', '=', boundary)
  const parts = scope.kind === 'all' ? [inAll()] : scope.boundaries.map(behind)
  const found = await together(
    parts.map((part) => part.orderBy('keyed.collection').orderBy('keyed.rkey').limit(1).executeTakeFirst()),
  )
  return found.map((row) => row?.collection ?? null).reduce(earlier, null)
}

function earlier(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other
  return one < other ? one : other
}
