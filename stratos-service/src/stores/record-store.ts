import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely'
import { parseNsid, parseRkey, type Boundary, type ReadScope } from 'stratos-core'
import type { RecordEntry, RecordKey, RecordListing, RecordStore, StoredRecord } from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import type { ActorTables } from './schema.ts'

export class SqlRecordStore implements RecordStore {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number
  readonly #traits: DialectTraits

  constructor(db: Kysely<ActorTables>, repo: number, traits: DialectTraits) {
    this.#db = db
    this.#repo = repo
    this.#traits = traits
  }

  async find(key: RecordKey, scope: ReadScope): Promise<StoredRecord | null> {
    const row = await this.#select(scope)
      .where('record.collection', '=', key.collection)
      .where('record.rkey', '=', key.rkey)
      .executeTakeFirst()
    return row === undefined ? null : toStoredRecord(row)
  }

  async findMany(keys: readonly RecordKey[], scope: ReadScope): Promise<StoredRecord[]> {
    if (keys.length === 0) return []
    const rows = await this.#select(scope)
      .where((eb) =>
        eb(
          eb.refTuple('record.collection', 'record.rkey'),
          'in',
          keys.map((key) => eb.tuple(key.collection, key.rkey)),
        ),
      )
      .execute()
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

  async findCid(key: RecordKey): Promise<string | null> {
    const row = await this.#db
      .selectFrom('record')
      .select('cid')
      .where('repo', '=', this.#repo)
      .where('collection', '=', key.collection)
      .where('rkey', '=', key.rkey)
      .executeTakeFirst()
    return row?.cid ?? null
  }

  async put(entry: RecordEntry): Promise<void> {
    const key = { repo: this.#repo, collection: entry.collection, rkey: entry.rkey }
    await this.#db
      .insertInto('record')
      .values({ ...key, cid: entry.cid, rev: entry.rev })
      .onConflict((conflict) =>
        conflict.columns(['repo', 'collection', 'rkey']).doUpdateSet({ cid: entry.cid, rev: entry.rev }),
      )
      .execute()
    await this.#deleteBoundaries(entry)
    if (entry.boundaries.length > 0) {
      await this.#db
        .insertInto('record_boundary')
        .values(entry.boundaries.map((boundary) => ({ ...key, boundary })))
        .execute()
    }
  }

  async delete(key: RecordKey): Promise<void> {
    await this.#deleteBoundaries(key)
    await this.#db
      .deleteFrom('record')
      .where('repo', '=', this.#repo)
      .where('collection', '=', key.collection)
      .where('rkey', '=', key.rkey)
      .execute()
  }

  async filterReferenced(cids: readonly string[]): Promise<Set<string>> {
    if (cids.length === 0) return new Set()
    const rows = await this.#db
      .selectFrom('record')
      .select('cid')
      .distinct()
      .where('repo', '=', this.#repo)
      .where('cid', 'in', cids)
      .execute()
    return new Set(rows.map((row) => row.cid))
  }

  async #deleteBoundaries(key: RecordKey): Promise<void> {
    await this.#db
      .deleteFrom('record_boundary')
      .where('repo', '=', this.#repo)
      .where('collection', '=', key.collection)
      .where('rkey', '=', key.rkey)
      .execute()
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

type RecordExpressions = ExpressionBuilder<ActorTables, 'record' | 'repo_block'>

/** The boundaries of the row's record as one text, so that a page of records is one query. */
function boundaryList(eb: RecordExpressions, traits: DialectTraits) {
  return boundariesOfRow(eb)
    .select(({ fn, val }) =>
      fn.agg<string | null>(traits.joinText, ['record_boundary.boundary', val(' ')]).as('list'),
    )
    .as('boundaries')
}

function visible(eb: RecordExpressions, scope: ReadScope): Expression<SqlBool> {
  if (scope.kind === 'all') return eb.lit(true)
  if (scope.boundaries.length === 0) return eb.lit(false)
  return eb.exists(
    boundariesOfRow(eb)
      .select('record_boundary.boundary')
      .where('record_boundary.boundary', 'in', scope.boundaries),
  )
}

function boundariesOfRow(eb: RecordExpressions) {
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
