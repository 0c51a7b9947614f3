import { expressionBuilder, type Kysely } from 'kysely'
import { parseNsid, parseRkey, type Boundary, type StoredRecord } from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import type { visibleAmong, visibleInRange } from './record-visibility.ts'
import type { ActorTables } from './schema.ts'

export type VisibleKeys = ReturnType<typeof visibleAmong | typeof visibleInRange>

/** Where a store reads. */
export interface RepoTables {
  readonly db: Kysely<ActorTables>
  readonly repo: number
  readonly traits: DialectTraits
}

/** A row as the queries here select it. */
export interface BodyRow {
  readonly collection: string
  readonly rkey: string
  readonly cid: string
  readonly content: Uint8Array | null
  readonly boundaries: string | null
}

/** A record that may be too much for an answer, and then has no bytes. */
export interface WeighedRecord extends Omit<StoredRecord, 'bytes'> {
  readonly bytes: Uint8Array | null
}

/** Selects records whole. */
export function selectBodies({ db, repo, traits }: RepoTables, visible: VisibleKeys) {
  // Cross joins, because SQLite keeps their order: from the keys to the records, never the other way around.
  return db
    .selectFrom(visible)
    .crossJoin('record')
    .crossJoin('repo_block')
    .select(['record.collection', 'record.rkey', 'record.cid', 'repo_block.content'])
    .select(boundaryList(traits))
    .where('record.repo', '=', repo)
    .whereRef('record.collection', '=', 'visible.collection')
    .whereRef('record.rkey', '=', 'visible.rkey')
    .whereRef('repo_block.repo', '=', 'record.repo')
    .whereRef('repo_block.cid', '=', 'record.cid')
}

/**
 * Selects records in order of their collections and keys, and the bytes of all up to the one with which they reach the limit
 * together. In one statement, so that a record which changes meanwhile is in the answer in one version or the other.
 */
export function selectBodiesWithin(
  { db, repo, traits }: RepoTables,
  visible: VisibleKeys,
  order: { readonly ascending: boolean; readonly maxBytes: number },
) {
  const direction = order.ascending ? 'asc' : 'desc'
  const sized = db
    .selectFrom(visible)
    .crossJoin('record')
    .crossJoin('repo_block')
    .select(['record.repo', 'record.collection', 'record.rkey', 'record.cid'])
    .select(({ fn }) => fn<number>('octet_length', ['repo_block.content']).as('size'))
    .where('record.repo', '=', repo)
    .whereRef('record.collection', '=', 'visible.collection')
    .whereRef('record.rkey', '=', 'visible.rkey')
    .whereRef('repo_block.repo', '=', 'record.repo')
    .whereRef('repo_block.cid', '=', 'record.cid')
  const summed = db
    .selectFrom(sized.as('sized'))
    .select(['sized.repo', 'sized.collection', 'sized.rkey', 'sized.cid', 'sized.size'])
    .select(({ fn }) =>
      fn
        .sum<number>('sized.size')
        .over((over) => over.orderBy('sized.collection', direction).orderBy('sized.rkey', direction))
        .as('up_to'),
    )
  return db
    .selectFrom(summed.as('record'))
    .leftJoin('repo_block', (join) =>
      join
        .onRef('repo_block.repo', '=', 'record.repo')
        .onRef('repo_block.cid', '=', 'record.cid')
        .on((eb) => eb(eb('record.up_to', '-', eb.ref('record.size')), '<', order.maxBytes)),
    )
    .select(['record.collection', 'record.rkey', 'record.cid', 'repo_block.content'])
    .select(boundaryList(traits))
    .orderBy('record.collection', direction)
    .orderBy('record.rkey', direction)
}

export function describeBody({ collection, rkey, cid, content, boundaries }: BodyRow): WeighedRecord {
  return {
    collection: parseNsid(collection),
    rkey: parseRkey(rkey),
    cid,
    // A boundary cannot contain a space: DIDs and boundary names do not.
    boundaries: boundaries === null ? [] : (boundaries.split(' ') as Boundary[]),
    bytes: content,
  }
}

interface OfRecords extends ActorTables {
  record: ActorTables['record'] & { up_to?: number }
}

/** The boundaries of the row's record as one text, so that any number of records is one query. */
function boundaryList(traits: DialectTraits) {
  const eb = expressionBuilder<OfRecords, 'record'>()
  return eb
    .selectFrom('record_boundary')
    .whereRef('record_boundary.repo', '=', 'record.repo')
    .whereRef('record_boundary.collection', '=', 'record.collection')
    .whereRef('record_boundary.rkey', '=', 'record.rkey')
    .select(({ fn, val }) =>
      fn.agg<string | null>(traits.joinText, ['record_boundary.boundary', val(' ')]).as('list'),
    )
    .as('boundaries')
}
