import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely'
import { parseNsid, parseRkey, type Boundary, type ReadScope } from 'stratos-core'
import type { RecordChanges, RecordKey, RecordListing, RecordStore, StoredRecord } from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import { applyRecordChanges } from './record-changes.ts'
import { isOneOf } from './record-keys.ts'
import type { ActorTables } from './schema.ts'
import { Statements } from './statements.ts'

export class SqlRecordStore implements RecordStore {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number
  readonly #traits: DialectTraits
  readonly #statements: Statements

  constructor(db: Kysely<ActorTables>, repo: number, traits: DialectTraits, statements = new Statements()) {
    this.#db = db
    this.#repo = repo
    this.#traits = traits
    this.#statements = statements
  }

  async find(key: RecordKey, scope: ReadScope): Promise<StoredRecord | null> {
    const row = await this.#select(scope)
      .where(isOneOf([key]))
      .executeTakeFirst()
    return row === undefined ? null : toStoredRecord(row)
  }

  async findMany(keys: readonly RecordKey[], scope: ReadScope): Promise<StoredRecord[]> {
    if (keys.length === 0) return []
    const rows = await this.#select(scope).where(isOneOf(keys)).execute()
    return rows.map(toStoredRecord)
  }

  async list(listing: RecordListing): Promise<StoredRecord[]> {
    let query = this.#select(listing.scope)
      .where('record.collection', '=', listing.collection)
      .orderBy('record.rkey', listing.ascending ? 'asc' : 'desc')
      .limit(listing.limit)
    if (listing.after !== undefined) {
      query = query.where('record.rkey', listing.ascending ? '>' : '<', listing.after)
    }
    return (await query.execute()).map(toStoredRecord)
  }

  async findCids(keys: readonly RecordKey[]): Promise<Map<string, string>> {
    if (keys.length === 0) return new Map()
    const rows = await this.#db
      .selectFrom('record')
      .select(['record.collection', 'record.rkey', 'record.cid'])
      .where('record.repo', '=', this.#repo)
      .where(isOneOf(keys))
      .execute()
    return new Map(rows.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid]))
  }

  async apply(changes: RecordChanges): Promise<void> {
    await applyRecordChanges(this.#db, this.#repo, changes, this.#statements)
  }

  async filterReferencedBlobs(cids: readonly string[], scope: ReadScope): Promise<Set<string>> {
    if (cids.length === 0) return new Set()
    const rows = await this.#db
      .selectFrom('record')
      .innerJoin('record_blob', (join) =>
        join
          .onRef('record_blob.repo', '=', 'record.repo')
          .onRef('record_blob.collection', '=', 'record.collection')
          .onRef('record_blob.rkey', '=', 'record.rkey'),
      )
      .select('record_blob.cid')
      .distinct()
      .where('record_blob.repo', '=', this.#repo)
      .where('record_blob.cid', 'in', cids)
      .where((eb) => visible(eb, scope))
      .execute()
    return new Set(rows.map((row) => row.cid))
  }

  async listLinking(target: string, scope: ReadScope, limit: number): Promise<RecordKey[]> {
    const rows = await this.#db
      .selectFrom('record')
      .innerJoin('backlink', (join) =>
        join
          .onRef('backlink.repo', '=', 'record.repo')
          .onRef('backlink.collection', '=', 'record.collection')
          .onRef('backlink.rkey', '=', 'record.rkey'),
      )
      .select(['record.collection', 'record.rkey'])
      .distinct()
      .where('backlink.repo', '=', this.#repo)
      .where('backlink.target', '=', target)
      .where((eb) => visible(eb, scope))
      .orderBy('record.collection')
      .orderBy('record.rkey')
      .limit(limit)
      .execute()
    return rows.map(({ collection, rkey }) => ({ collection: parseNsid(collection), rkey: parseRkey(rkey) }))
  }

  #select(scope: ReadScope) {
    return this.#db
      .selectFrom('record')
      .innerJoin('repo_block', (join) =>
        join.onRef('repo_block.repo', '=', 'record.repo').onRef('repo_block.cid', '=', 'record.cid'),
      )
      .select(['record.collection', 'record.rkey', 'record.cid', 'repo_block.content'])
      .select((eb) => boundaryList(eb, this.#traits))
      .where('record.repo', '=', this.#repo)
      .where((eb) => visible(eb, scope))
  }
}

export type OfRecords = ExpressionBuilder<ActorTables, 'record'>

/** The boundaries of the row's record as one text, so that a page of records is one query. */
function boundaryList(eb: OfRecords, traits: DialectTraits) {
  return boundariesOfRow(eb)
    .select(({ fn, val }) =>
      fn.agg<string | null>(traits.joinText, ['record_boundary.boundary', val(' ')]).as('list'),
    )
    .as('boundaries')
}

/** Whether the record of a row is in scope. For every query that derives something from records. */
export function visible(eb: OfRecords, scope: ReadScope): Expression<SqlBool> {
  if (scope.kind === 'all') return eb.lit(true)
  if (scope.boundaries.length === 0) return eb.lit(false)
  return eb.exists(
    boundariesOfRow(eb)
      .select('record_boundary.boundary')
      .where('record_boundary.boundary', 'in', scope.boundaries),
  )
}

function boundariesOfRow(eb: OfRecords) {
  return eb
    .selectFrom('record_boundary')
    .whereRef('record_boundary.repo', '=', 'record.repo')
    .whereRef('record_boundary.collection', '=', 'record.collection')
    .whereRef('record_boundary.rkey', '=', 'record.rkey')
}

interface RecordRow {
  collection: string
  rkey: string
  cid: string
  content: Uint8Array
  boundaries: string | null
}

function toStoredRecord(row: RecordRow): StoredRecord {
  return {
    collection: parseNsid(row.collection),
    rkey: parseRkey(row.rkey),
    cid: row.cid,
    bytes: row.content,
    // A boundary cannot contain a space: DIDs and boundary names do not.
    boundaries: row.boundaries === null ? [] : (row.boundaries.split(' ') as Boundary[]),
  }
}
