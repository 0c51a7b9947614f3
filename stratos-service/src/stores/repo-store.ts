import { parseCid } from '@atproto/lex-data'
import type { Kysely } from 'kysely'
import { StratosError, parseTid, type BlockChanges, type RepoHead, type RepoStore } from 'stratos-core'
import { padded, pages } from './pages.ts'
import type { ActorTables } from './schema.ts'
import { together } from './transaction.ts'

export class SqlRepoStore implements RepoStore {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number

  constructor(db: Kysely<ActorTables>, repo: number) {
    this.#db = db
    this.#repo = repo
  }

  async findHead(): Promise<RepoHead | null> {
    const row = await this.#db
      .selectFrom('repo_head')
      .select(['cid', 'rev', 'data'])
      .where('repo', '=', this.#repo)
      .executeTakeFirst()
    if (row === undefined) return null
    return { cid: parseCid(row.cid), rev: parseTid(row.rev), data: parseCid(row.data) }
  }

  async findBlock(cid: string): Promise<Uint8Array | null> {
    const row = await this.#db
      .selectFrom('repo_block')
      .select('content')
      .where('repo', '=', this.#repo)
      .where('cid', '=', cid)
      .executeTakeFirst()
    return row?.content ?? null
  }

  async findBlocks(cids: readonly string[]): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>()
    for (const page of pages(cids)) {
      const rows = await this.#db
        .selectFrom('repo_block')
        .select(['cid', 'content'])
        .where('repo', '=', this.#repo)
        .where('cid', 'in', padded(page))
        .execute()
      for (const row of rows) found.set(row.cid, row.content)
    }
    return found
  }

  async listBlocks(after: string, limit: number): Promise<{ cid: string; bytes: Uint8Array }[]> {
    const rows = await this.#db
      .selectFrom('repo_block')
      .select(['cid', 'content'])
      .where('repo', '=', this.#repo)
      .where('cid', '>', after)
      .orderBy('cid')
      .limit(limit)
      .execute()
    return rows.map((row) => ({ cid: row.cid, bytes: row.content }))
  }

  async applyCommit(previous: RepoHead | null, next: RepoHead, changes: BlockChanges): Promise<void> {
    await together([
      this.#moveHead(previous, next),
      // Removal first: a block may be superseded and needed again in one commit, and then it has to stay.
      ...pages(changes.removed).map((cids) =>
        this.#db
          .deleteFrom('repo_block')
          .where('repo', '=', this.#repo)
          .where('cid', 'in', padded(cids))
          .execute(),
      ),
      ...pages(changes.removedRecords).map((cids) => this.#dropRecords(cids).execute()),
      ...pages([...changes.added]).map((blocks) =>
        this.#db
          .insertInto('repo_block')
          // A block that is there already is left alone, so a repetition does no harm.
          .values(padded(blocks).map(([cid, content]) => ({ repo: this.#repo, cid, content })))
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      ),
    ])
  }

  #dropRecords(cids: readonly string[]) {
    return this.#db
      .deleteFrom('repo_block')
      .where('repo_block.repo', '=', this.#repo)
      .where('repo_block.cid', 'in', padded(cids))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('record')
              .select('record.cid')
              .whereRef('record.repo', '=', 'repo_block.repo')
              .whereRef('record.cid', '=', 'repo_block.cid'),
          ),
        ),
      )
  }

  async #moveHead(previous: RepoHead | null, next: RepoHead): Promise<void> {
    const head = { cid: next.cid.toString(), rev: next.rev, data: next.data.toString() }
    const moved =
      previous === null
        ? await this.#db
            .insertInto('repo_head')
            .values({ repo: this.#repo, ...head })
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst()
        : await this.#db
            .updateTable('repo_head')
            .set(head)
            .where('repo', '=', this.#repo)
            .where('cid', '=', previous.cid.toString())
            .executeTakeFirst()
    const rows = 'numUpdatedRows' in moved ? moved.numUpdatedRows : (moved.numInsertedOrUpdatedRows ?? 0n)
    if (rows !== 1n) throw new StratosError('ConcurrentModification', 'the repo changed in the meantime')
  }
}
