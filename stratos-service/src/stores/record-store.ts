import { expressionBuilder, type Expression, type Kysely, type SqlBool } from 'kysely'
import type { Boundary } from 'stratos-core'
import { MAX_RECORD_BYTES, parseNsid, parseRkey } from 'stratos-core'
import type {
  Nsid,
  ReadScope,
  RecordBatch,
  RecordChanges,
  RecordKey,
  RecordListing,
  RecordPage,
  RecordStore,
  StoredRecord,
} from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import { padded, pages } from './pages.ts'
import {
  describeBody,
  selectBodies,
  selectBodiesWithin,
  type RepoTables,
  type WeighedRecord,
} from './record-bodies.ts'
import { applyRecordChanges } from './record-changes.ts'
import { isOneOf } from './record-keys.ts'
import { findNextCollection, isVisible, visibleAmong, visibleInRange } from './record-visibility.ts'
import type { ActorTables } from './schema.ts'
import { Statements } from './statements.ts'

export class SqlRecordStore implements RecordStore {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number
  readonly #tables: RepoTables
  readonly #statements: Statements

  constructor(db: Kysely<ActorTables>, repo: number, traits: DialectTraits, statements = new Statements()) {
    this.#db = db
    this.#repo = repo
    this.#tables = { db, repo, traits }
    this.#statements = statements
  }

  async find(key: RecordKey, scope: ReadScope): Promise<StoredRecord | null> {
    return (await this.findMany([key], scope))[0] ?? null
  }

  async findMany(keys: readonly RecordKey[], scope: ReadScope): Promise<StoredRecord[]> {
    if (keys.length === 0 || isEmpty(scope)) return []
    const { rows } = await this.#statements.run(
      this.#db,
      `find ${scope.kind}`,
      this.#valuesOf(keys, scope),
      ({ repo, keys: wanted, boundaries }) =>
        selectBodies(
          { ...this.#tables, repo },
          visibleAmong(this.#db, repo, wanted, sameKind(scope, boundaries)),
        ),
    )
    return rows.map(describeBody).filter(hasBytes)
  }

  async findWithin(keys: readonly RecordKey[], scope: ReadScope, maxBytes: number): Promise<RecordBatch> {
    if (keys.length === 0 || isEmpty(scope)) return { records: [], omitted: [] }
    // Few records cannot be too much, and then need not be weighed first: most repos of a feed have one in it.
    if (keys.length * MAX_RECORD_BYTES <= maxBytes)
      return { records: await this.findMany(keys, scope), omitted: [] }
    const { rows } = await this.#statements.run(
      this.#db,
      `find ${scope.kind} within`,
      { ...this.#valuesOf(keys, scope), maxBytes },
      ({ repo, keys: wanted, boundaries, ...bound }) =>
        selectBodiesWithin(
          { ...this.#tables, repo },
          visibleAmong(this.#db, repo, wanted, sameKind(scope, boundaries)),
          { ascending: true, ...bound },
        ),
    )
    const found = rows.map(describeBody)
    const records = found.filter(hasBytes)
    return { records, omitted: found.slice(records.length) }
  }

  async list(listing: RecordListing): Promise<RecordPage> {
    const { collection, after, ascending, limit, scope, maxBytes } = listing
    if (isEmpty(scope)) return { records: [], more: false }
    // One key more than fits: whether there is another page shows in it.
    const { rows } = await this.#statements.run(
      this.#db,
      `list ${scope.kind} ${ascending ? 'up' : 'down'}`,
      {
        repo: this.#repo,
        range: { collection, after: after === undefined ? [] : [after], limit: limit + 1 },
        boundaries: boundariesOf(scope),
        maxBytes,
      },
      ({ repo, range, boundaries, maxBytes: most }) =>
        selectBodiesWithin(
          { ...this.#tables, repo },
          visibleInRange(
            this.#db,
            repo,
            { ...range, after: range.after[0], ascending },
            sameKind(scope, boundaries),
          ),
          { ascending, maxBytes: most },
        ),
    )
    const found = rows.map(describeBody)
    const records = found.slice(0, limit).filter(hasBytes)
    return { records, more: found.length > records.length }
  }

  /** What a statement about some keys is given. Keys repeat rather than come in many numbers. */
  #valuesOf(keys: readonly RecordKey[], scope: ReadScope) {
    const wanted = padded(keys).map(({ collection, rkey }) => ({ collection, rkey }))
    return { repo: this.#repo, keys: wanted, boundaries: boundariesOf(scope) }
  }

  async listCollections(scope: ReadScope, after: string, limit: number): Promise<Nsid[]> {
    const found: Nsid[] = []
    for (let last = after; found.length < limit && !isEmpty(scope);) {
      const next = await findNextCollection(this.#db, this.#repo, scope, last)
      if (next === null) break
      found.push(parseNsid(next))
      last = next
    }
    return found
  }

  async listWithheld(scope: ReadScope): Promise<Set<string>> {
    const cidsWhere = async (...conditions: Expression<SqlBool>[]): Promise<string[]> => {
      const rows = await this.#db
        .selectFrom('record as keyed')
        .select('keyed.cid')
        .distinct()
        .where('keyed.repo', '=', this.#repo)
        .where((eb) => eb.and(conditions))
        .execute()
      return rows.map(({ cid }) => cid)
    }
    const eb = expressionBuilder<{ keyed: ActorTables['record'] }, 'keyed'>()
    const withheld = new Set(await cidsWhere(eb.not(isVisible(scope))))
    for (const some of pages([...withheld])) {
      const shown = await cidsWhere(isVisible(scope), eb('keyed.cid', 'in', padded(some)))
      for (const cid of shown) withheld.delete(cid)
    }
    return withheld
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

  async findBoundaries(keys: readonly RecordKey[]): Promise<Map<string, Boundary[]>> {
    const found = new Map<string, Boundary[]>()
    for (const page of pages(keys)) {
      const rows = await this.#db
        .selectFrom('record_boundary')
        .select(['collection', 'rkey', 'boundary'])
        .where('repo', '=', this.#repo)
        .where(isOneOf(page))
        .execute()
      for (const { collection, rkey, boundary } of rows) {
        const path = `${collection}/${rkey}`
        found.set(path, [...(found.get(path) ?? []), boundary as Boundary])
      }
    }
    return found
  }

  async apply(changes: RecordChanges): Promise<void> {
    await applyRecordChanges(this.#db, this.#repo, changes, this.#statements)
  }

  async takeDown({ collection, rkey }: RecordKey, nowMs: number): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await this.#db
      .insertInto('record_takedown')
      .columns(['repo', 'collection', 'rkey', 'at_ms'])
      .expression((eb) =>
        eb
          .selectFrom('record')
          .select((of) => [
            'record.repo',
            'record.collection',
            'record.rkey',
            of.cast<number>(of.val(nowMs), 'bigint').as('at_ms'),
          ])
          .where('record.repo', '=', this.#repo)
          .where(isOneOf([{ collection, rkey }])),
      )
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    return numInsertedOrUpdatedRows === 1n
  }

  async restore(key: RecordKey): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('record_takedown')
      .where('repo', '=', this.#repo)
      .where(isOneOf([key]))
      .executeTakeFirst()
    return numDeletedRows === 1n
  }

  async filterReferencedBlobs(cids: readonly string[], scope: ReadScope): Promise<Set<string>> {
    if (cids.length === 0 || isEmpty(scope)) return new Set()
    const rows = await this.#db
      .selectFrom('record_blob as keyed')
      .select('keyed.cid')
      .distinct()
      .where('keyed.repo', '=', this.#repo)
      .where('keyed.cid', 'in', cids)
      .where(isVisible(scope))
      .execute()
    return new Set(rows.map((row) => row.cid))
  }

  async listLinking(target: string, scope: ReadScope, limit: number): Promise<RecordKey[]> {
    if (isEmpty(scope)) return []
    const rows = await this.#db
      .selectFrom('backlink as keyed')
      .select(['keyed.collection', 'keyed.rkey'])
      .distinct()
      .where('keyed.repo', '=', this.#repo)
      .where('keyed.target', '=', target)
      .where(isVisible(scope))
      .orderBy('keyed.collection')
      .orderBy('keyed.rkey')
      .limit(limit)
      .execute()
    return rows.map(({ collection, rkey }) => ({ collection: parseNsid(collection), rkey: parseRkey(rkey) }))
  }
}

function boundariesOf(scope: ReadScope): readonly string[] {
  return scope.kind === 'all' ? [] : scope.boundaries
}

/** A scope of the kind of another one, over boundaries that stand for those of it. */
function sameKind({ kind }: ReadScope, boundaries: readonly string[]): ReadScope {
  return kind === 'all' ? { kind } : { kind, boundaries }
}

function isEmpty(scope: ReadScope): boolean {
  return scope.kind === 'boundaries' && scope.boundaries.length === 0
}

function hasBytes(record: WeighedRecord): record is StoredRecord {
  return record.bytes !== null
}
