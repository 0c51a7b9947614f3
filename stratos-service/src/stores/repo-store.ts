import { parseCid } from '@atproto/lex-data'
import type { Kysely } from 'kysely'
import {
  formatCid,
  StratosError,
  parseTid,
  type AddedBlock,
  type BlockChanges,
  type RepoHead,
  type RepoStore,
  type Tid,
} from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import { padded, pages, pieces } from './pages.ts'
import type { ActorTables } from './schema.ts'
import { oneOrFail } from './one-or-fail.ts'
import { Statements, type Values } from './statements.ts'
import { together } from './transaction.ts'

export class SqlRepoStore implements RepoStore {
  readonly #db: Kysely<ActorTables>
  readonly #repo: number
  readonly #traits: DialectTraits
  readonly #statements: Statements
  readonly #onRemoval: () => void

  /** @param onRemoval called when contents of records are removed, before that is durable */
  constructor(
    db: Kysely<ActorTables>,
    repo: number,
    traits: DialectTraits,
    statements = new Statements(),
    onRemoval: () => void = () => undefined,
  ) {
    this.#db = db
    this.#repo = repo
    this.#traits = traits
    this.#statements = statements
    this.#onRemoval = onRemoval
  }

  async findHead(): Promise<RepoHead | null> {
    const db = this.#db
    const { rows } = await this.#statements.run(db, 'find head', this.#repo, (repo) =>
      db.selectFrom('repo_head').select(['cid', 'rev', 'data']).where('repo', '=', repo),
    )
    const [row] = rows
    if (row === undefined) return null
    return { cid: parseCid(row.cid), rev: parseTid(row.rev), data: parseCid(row.data) }
  }

  async findBlock(cid: string): Promise<Uint8Array | null> {
    const db = this.#db
    const { rows } = await this.#statements.run(db, 'find block', { repo: this.#repo, cid }, (key) =>
      db.selectFrom('repo_block').select('content').where('repo', '=', key.repo).where('cid', '=', key.cid),
    )
    return rows[0]?.content ?? null
  }

  async findBlocks(cids: readonly string[], since?: Tid): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>()
    for (const page of pages(cids)) {
      const values = { repo: this.#repo, cids: padded(page), since: since === undefined ? [] : [since] }
      const { rows } = await this.#statements.run(this.#db, 'find blocks', values, (wanted) => {
        const [rev] = wanted.since
        const query = this.#db
          .selectFrom('repo_block')
          .select(['cid', 'content'])
          .where('repo', '=', wanted.repo)
          .where('cid', 'in', wanted.cids)
        // Of a block without a revision nobody knows since when it has been there.
        return rev === undefined
          ? query
          : query.where((eb) => eb.or([eb('rev', '>', rev), eb('rev', 'is', null)]))
      })
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

  async dropHead(): Promise<void> {
    await this.#db.deleteFrom('repo_head').where('repo', '=', this.#repo).execute()
  }

  async applyCommit(previous: RepoHead | null, next: RepoHead, changes: BlockChanges): Promise<void> {
    if (changes.removedRecords.length > 0) this.#onRemoval()
    await together([
      this.#moveHead(previous, next),
      // Removal first: a block may be superseded and needed again in one commit, and then it has to stay.
      ...pieces(changes.removed).map((cids) => this.#dropNodes(cids)),
      ...pieces(changes.removedRecords).map((cids) => this.#dropRecords(cids)),
      this.addBlocks([...changes.added].map(([cid, bytes]) => ({ cid, bytes, rev: next.rev }))),
    ])
  }

  async addBlocks(blocks: readonly AddedBlock[]): Promise<void> {
    await together(pieces(blocks).map((some) => this.#addPiece(some)))
  }

  async #dropNodes(cids: readonly string[]): Promise<void> {
    const db = this.#db
    await this.#statements.run(db, 'drop nodes', { repo: this.#repo, cids }, (dropped) =>
      db.deleteFrom('repo_block').where('repo', '=', dropped.repo).where('cid', 'in', dropped.cids),
    )
  }

  async #addPiece(blocks: readonly AddedBlock[]): Promise<void> {
    const db = this.#db
    const rows = blocks.map(({ cid, bytes, rev }) => ({ repo: this.#repo, cid, content: bytes, rev }))
    await this.#statements.run(db, 'add blocks', rows, (added) =>
      // A block that is there already is left alone: equal records share one.
      db
        .insertInto('repo_block')
        .values(added)
        .onConflict((conflict) => conflict.doNothing()),
    )
  }

  async #dropRecords(cids: readonly string[]): Promise<void> {
    const db = this.#db
    await this.#statements.run(db, 'drop records', { repo: this.#repo, cids }, (dropped) =>
      this.#unusedRecords(dropped.repo, dropped.cids),
    )
  }

  #unusedRecords(repo: number, cids: readonly string[]) {
    return this.#db
      .deleteFrom('repo_block')
      .where('repo_block.repo', '=', repo)
      .where('repo_block.cid', 'in', cids)
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
    const head = { cid: formatCid(next.cid), rev: next.rev, data: formatCid(next.data) }
    if (previous !== null && this.#traits.failsInVain) {
      await this.#updateHeadOrFail({ head, repo: this.#repo, previous: formatCid(previous.cid) })
      return
    }
    const { numAffectedRows } =
      previous === null
        ? await this.#insertHead(head)
        : await this.#updateHead({ head, repo: this.#repo, previous: formatCid(previous.cid) })
    if (numAffectedRows !== 1n)
      throw new StratosError('ConcurrentModification', 'the repo changed in the meantime')
  }

  #insertHead(head: { cid: string; rev: string; data: string }) {
    const db = this.#db
    return this.#statements.run(db, 'insert head', { repo: this.#repo, ...head }, (row) =>
      db
        .insertInto('repo_head')
        .values(row)
        .onConflict((conflict) => conflict.doNothing()),
    )
  }

  #updateHead(move: HeadMove) {
    const db = this.#db
    return this.#statements.run(db, 'update head', move, ({ head, repo, previous }) =>
      db.updateTable('repo_head').set(head).where('repo', '=', repo).where('cid', '=', previous),
    )
  }

  /** The same for a transaction whose end may be on its way already: divides by zero where there is no such head. */
  async #updateHeadOrFail(move: HeadMove): Promise<void> {
    const db = this.#db
    await this.#statements.run(db, 'update head or fail', move, ({ head, repo, previous }) =>
      db
        .with('moved', (query) =>
          query
            .updateTable('repo_head')
            .set(head)
            .where('repo', '=', repo)
            .where('cid', '=', previous)
            .returning('repo'),
        )
        .selectFrom('moved')
        .select(oneOrFail),
    )
  }
}

interface HeadMove {
  readonly head: { readonly cid: string; readonly rev: string; readonly data: string }
  readonly repo: number
  readonly previous: string
  readonly [name: string]: Values
}
