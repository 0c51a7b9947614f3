import type { Keypair } from '@atproto/crypto'
import type { Cid } from '@atproto/lex-data'
import type { Did, Tid } from '../ids.ts'
import type { RecordBlock } from '../record/record-block.ts'
import type { RepoHead } from '../storage/repo-store.ts'
import { signCommit } from './build-commit.ts'
import type { CarBlock } from './write-car.ts'
import { SortedTree } from './sorted-tree.ts'

/** One of the commits that fill an empty repo. */
export interface SeriesCommit extends RepoHead {
  /**
   * What stays of this commit once the series is complete: its records, and nodes of the tree that no later commit changes.
   * Only the last commit has its own block and the rest of the tree here.
   */
  readonly newBlocks: Map<string, Uint8Array>
  /** The blocks of the empty repo, in the first commit. */
  readonly removedCids: string[]
}

/**
 * Fills an empty repo with records in the order of their keys, by commits that each add some of them. Every commit is signed
 * and names the tree of its time, as if the records had been written like that, but what later commits supersede is never
 * handed out. The series has to be stored as a whole.
 */
export class CommitSeries {
  readonly #did: Did
  readonly #keypair: Keypair
  readonly #tree = new SortedTree((node) => this.#keep(node))
  #blocks = new Map<string, Uint8Array>()
  #removed: string[]

  /** @param empty the head of the empty repo */
  constructor(repo: { did: Did; empty: RepoHead; keypair: Keypair }) {
    this.#did = repo.did
    this.#keypair = repo.keypair
    this.#removed = [repo.empty.cid.toString(), repo.empty.data.toString()]
  }

  /** @param key `collection/rkey`, after every key before it in byte order */
  add(key: string, block: RecordBlock): void {
    this.#tree.add(key, block.cid)
    this.#keep(block)
  }

  /**
   * Signs what was added.
   *
   * @param rev after that of the commit before
   * @param last whether nothing follows
   */
  async commit(rev: Tid, last: boolean): Promise<SeriesCommit> {
    const data: Cid = this.#tree.root(last ? (node) => this.#keep(node) : () => undefined)
    const commit = await signCommit({ did: this.#did, rev, data }, this.#keypair)
    if (last) this.#keep(commit)
    const done = { cid: commit.cid, rev, data, newBlocks: this.#blocks, removedCids: this.#removed }
    this.#blocks = new Map()
    this.#removed = []
    return done
  }

  #keep({ cid, bytes }: CarBlock): void {
    this.#blocks.set(cid.toString(), bytes)
  }
}
