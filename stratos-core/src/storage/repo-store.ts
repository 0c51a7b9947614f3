import type { Cid } from '@atproto/lex-data'
import type { Tid } from '../ids.ts'

/** The newest commit of a repo. */
export interface RepoHead {
  readonly cid: Cid
  readonly rev: Tid
  /** Root of the MST that this commit signs. */
  readonly data: Cid
}

/** What one commit changes among the blocks. Keys are CIDs in their base32 text form. */
export interface BlockChanges {
  readonly added: ReadonlyMap<string, Uint8Array>
  readonly removed: readonly string[]
  /**
   * Blocks of records that were replaced or deleted. Equal records share one block: it goes only if no record has it as
   * its value any more, so the record index must be told first.
   */
  readonly removedRecords: readonly string[]
}

/** A block of a commit that is not the only one of its transaction. */
export interface AddedBlock {
  /** Base32 text form. */
  readonly cid: string
  readonly bytes: Uint8Array
  /** Of the commit that brings it. */
  readonly rev: Tid
}

/** Head and blocks of one repo. */
export interface RepoStore {
  findHead(): Promise<RepoHead | null>
  findBlock(cid: string): Promise<Uint8Array | null>
  /**
   * In no particular order; missing blocks are absent from the answer.
   *
   * @param since leaves out blocks that have been there, without a break, since this revision
   */
  findBlocks(cids: readonly string[], since?: Tid): Promise<Map<string, Uint8Array>>
  /** All live blocks in pages, ordered by CID. @param after exclusive; empty text starts */
  listBlocks(after: string, limit: number): Promise<{ cid: string; bytes: Uint8Array }[]>
  /** Takes the head away, so that no commit can follow; only within a transaction. */
  dropHead(): Promise<void>
  /**
   * Moves the head from `previous` to `next` and applies the block changes.
   *
   * @throws {StratosError} `ConcurrentModification` if the head is not `previous`
   */
  applyCommit(previous: RepoHead | null, next: RepoHead, changes: BlockChanges): Promise<void>
  /**
   * Adds blocks of several commits, of which `applyCommit` is told the last one in the same transaction. What is there
   * already stays as it is.
   *
   * @param blocks best in the order of their CIDs: neighbours in an index are written together then
   */
  addBlocks(blocks: readonly AddedBlock[]): Promise<void>
}
