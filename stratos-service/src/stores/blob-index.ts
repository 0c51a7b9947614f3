import type { Kysely, Selectable } from 'kysely'
import {
  parseNsid,
  parseRkey,
  type BlobCheck,
  type BlobEntry,
  type BlobIndex,
  type BlobListing,
  type ReadScope,
  type RecordKey,
  type UploadedBlob,
} from 'stratos-core'
import { padded, pages } from './pages.ts'
import { isOneOf } from './record-keys.ts'
import { isVisible } from './record-visibility.ts'
import type { ActorTables } from './schema.ts'
import { together } from './transaction.ts'

export class SqlBlobIndex implements BlobIndex {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number

  constructor(db: Kysely<ActorTables>, repo: number) {
    this.#db = db
    this.#repo = repo
  }

  async findMany(cids: readonly string[]): Promise<BlobEntry[]> {
    const found = await together(
      pages(cids).map((page) =>
        this.#db
          .selectFrom('blob')
          .selectAll()
          .where('repo', '=', this.#repo)
          .where('cid', 'in', padded(page))
          .execute(),
      ),
    )
    return found.flat().map(toEntry)
  }

  async usage(): Promise<number> {
    const { total } = await this.#db
      .selectFrom('blob')
      .select(({ fn }) => fn.sum<number | string | null>('size').as('total'))
      .where('repo', '=', this.#repo)
      .where('doomed', '=', 0)
      .executeTakeFirstOrThrow()
    return Number(total ?? 0)
  }

  async keep(upload: UploadedBlob): Promise<BlobEntry> {
    const { cid, mimeType, size, temporaryKey, keepUntilMs } = upload
    const before = await this.#find(cid)
    const fresh = {
      mime_type: mimeType,
      size,
      temporary_key: temporaryKey,
      keep_until_ms: keepUntilMs,
      quarantined: 0,
      doomed: 0,
      check_at_ms: keepUntilMs,
      attempts: 0,
    }
    if (before === null) {
      await this.#db
        .insertInto('blob')
        .values({ repo: this.#repo, cid, ...fresh })
        .execute()
    } else if (before.doomed === 1) await this.#update(cid).set(fresh).execute()
    else {
      const keptUntilMs = Math.max(before.keep_until_ms, keepUntilMs)
      const checkAtMs = Math.min(before.check_at_ms ?? keptUntilMs, keptUntilMs)
      await this.#update(cid).set({ keep_until_ms: keptUntilMs, check_at_ms: checkAtMs }).execute()
    }
    const after = await this.#find(cid)
    if (after === null) throw new Error('a blob vanished while it was being entered')
    return toEntry(after)
  }

  async settle({ used, released, nowMs }: Parameters<BlobIndex['settle']>[0]): Promise<void> {
    await together([
      ...pages(used).map((page) =>
        this.#db
          .updateTable('blob')
          .set({ keep_until_ms: 0, check_at_ms: nowMs, attempts: 0 })
          .where('repo', '=', this.#repo)
          .where('cid', 'in', padded(page))
          .execute(),
      ),
      ...pages(released).map((page) =>
        this.#db
          .updateTable('blob')
          .set({ check_at_ms: nowMs, attempts: 0 })
          .where('repo', '=', this.#repo)
          .where('cid', 'in', padded(page))
          .execute(),
      ),
    ])
  }

  async listReferencedBy(keys: readonly RecordKey[]): Promise<string[]> {
    const found = await together(
      pages(keys).map((page) =>
        this.#db
          .selectFrom('record_blob')
          .select('cid')
          .distinct()
          .where('repo', '=', this.#repo)
          .where(isOneOf(page))
          .execute(),
      ),
    )
    return [...new Set(found.flat().map(({ cid }) => cid))]
  }

  async isReferenced(cid: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('record_blob')
      .select('cid')
      .where('repo', '=', this.#repo)
      .where('cid', '=', cid)
      .limit(1)
      .executeTakeFirst()
    return row !== undefined
  }

  async findVisible(cid: string, scope: ReadScope): Promise<BlobEntry | null> {
    const row = await this.#visible(scope)
      .selectAll('blob')
      .where('record_blob.cid', '=', cid)
      .limit(1)
      .executeTakeFirst()
    return row === undefined ? null : toEntry(row)
  }

  async listVisible({ scope, since, after, limit }: BlobListing): Promise<string[]> {
    let query = this.#visible(scope)
      .select('blob.cid')
      .distinct()
      .where('blob.cid', '>', after)
      .orderBy('blob.cid')
      .limit(limit)
    if (since !== undefined) query = query.where('keyed.rev', '>', since)
    return (await query.execute()).map(({ cid }) => cid)
  }

  async listMissing(after: string, limit: number): Promise<{ cid: string; record: RecordKey }[]> {
    const cids = await this.#db
      .selectFrom('record_blob')
      .leftJoin('blob', (join) =>
        join
          .onRef('blob.repo', '=', 'record_blob.repo')
          .onRef('blob.cid', '=', 'record_blob.cid')
          .on('blob.doomed', '=', 0),
      )
      .select('record_blob.cid')
      .distinct()
      .where('record_blob.repo', '=', this.#repo)
      .where('record_blob.cid', '>', after)
      .where('blob.cid', 'is', null)
      .orderBy('record_blob.cid')
      .limit(limit)
      .execute()
    const found: { cid: string; record: RecordKey }[] = []
    for (const page of pages(cids.map(({ cid }) => cid))) {
      const rows = await this.#db
        .selectFrom('record_blob')
        .select(['cid', 'collection', 'rkey'])
        .where('repo', '=', this.#repo)
        .where('cid', 'in', padded(page))
        .orderBy('cid')
        .orderBy('collection')
        .orderBy('rkey')
        .execute()
      for (const { cid, collection, rkey } of rows) {
        if (found.at(-1)?.cid === cid) continue
        found.push({ cid, record: { collection: parseNsid(collection), rkey: parseRkey(rkey) } })
      }
    }
    return found
  }

  async setQuarantined(cid: string, quarantined: boolean, nowMs: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#update(cid)
      .set({ quarantined: quarantined ? 1 : 0, check_at_ms: nowMs, attempts: 0 })
      .where('doomed', '=', 0)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  }

  async listDue(nowMs: number, limit: number): Promise<BlobCheck[]> {
    return this.#db
      .selectFrom('blob')
      .select(['cid', 'attempts'])
      .where('repo', '=', this.#repo)
      .where('check_at_ms', '<=', nowMs)
      .orderBy('check_at_ms')
      .orderBy('cid')
      .limit(limit)
      .execute()
  }

  async nextCheckAtMs(): Promise<number | null> {
    const row = await this.#db
      .selectFrom('blob')
      .select('check_at_ms')
      .where('repo', '=', this.#repo)
      .where('check_at_ms', 'is not', null)
      .orderBy('check_at_ms')
      .limit(1)
      .executeTakeFirst()
    return row?.check_at_ms ?? null
  }

  async checkAgain({ cid, attempts }: BlobCheck, atMs: number | null): Promise<void> {
    await this.#update(cid).set({ check_at_ms: atMs, attempts }).execute()
  }

  async markPermanent(cid: string, temporaryKey: string): Promise<void> {
    await this.#update(cid).set({ temporary_key: null }).where('temporary_key', '=', temporaryKey).execute()
  }

  async doom(cid: string): Promise<void> {
    await this.#update(cid).set({ doomed: 1 }).execute()
  }

  async remove(cid: string): Promise<void> {
    await this.#db
      .deleteFrom('blob')
      .where('repo', '=', this.#repo)
      .where('cid', '=', cid)
      .where('doomed', '=', 1)
      .execute()
  }

  async isKnownKey(temporaryKey: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('blob')
      .select('cid')
      .where('repo', '=', this.#repo)
      .where('temporary_key', '=', temporaryKey)
      .executeTakeFirst()
    return row !== undefined
  }

  /** Blobs that may be handed out, with the records in scope that refer to them. */
  #visible(scope: ReadScope) {
    return this.#db
      .selectFrom('record as keyed')
      .innerJoin('record_blob', (join) =>
        join
          .onRef('record_blob.repo', '=', 'keyed.repo')
          .onRef('record_blob.collection', '=', 'keyed.collection')
          .onRef('record_blob.rkey', '=', 'keyed.rkey'),
      )
      .innerJoin('blob', (join) =>
        join.onRef('blob.repo', '=', 'record_blob.repo').onRef('blob.cid', '=', 'record_blob.cid'),
      )
      .where('record_blob.repo', '=', this.#repo)
      .where('blob.quarantined', '=', 0)
      .where('blob.doomed', '=', 0)
      .where(isVisible(scope))
  }

  async #find(cid: string) {
    const row = await this.#db
      .selectFrom('blob')
      .selectAll()
      .where('repo', '=', this.#repo)
      .where('cid', '=', cid)
      .executeTakeFirst()
    return row ?? null
  }

  #update(cid: string) {
    return this.#db.updateTable('blob').where('repo', '=', this.#repo).where('cid', '=', cid)
  }
}

function toEntry(row: Selectable<ActorTables['blob']>): BlobEntry {
  return {
    cid: row.cid,
    mimeType: row.mime_type,
    size: row.size,
    temporaryKey: row.temporary_key,
    keepUntilMs: row.keep_until_ms,
    quarantined: row.quarantined === 1,
    doomed: row.doomed === 1,
  }
}
