import type { Keypair } from '@atproto/crypto'
import { type Did, type Tid, nextTid } from '../ids.ts'
import type { RepoTree } from '../repo/repo-tree.ts'
import { type BuiltCommit, type RepoWrite, buildCommit, buildInitialCommit } from '../repo/build-commit.ts'

/** A repo that keeps its blocks and its record index in memory, the way a store has to keep them. */
export class MemoryRepo {
  readonly did: Did
  readonly keypair: Keypair
  readonly blocks = new Map<string, Uint8Array>()
  /** CID of every record, by `collection/rkey`. */
  readonly records = new Map<string, string>()
  head: BuiltCommit
  #builds = 0

  private constructor(did: Did, keypair: Keypair, head: BuiltCommit) {
    this.did = did
    this.keypair = keypair
    this.head = head
    this.#apply(head)
  }

  static async create(did: Did, keypair: Keypair): Promise<MemoryRepo> {
    return new MemoryRepo(
      did,
      keypair,
      await buildInitialCommit({ did, rev: nextTid(undefined, 0), keypair }),
    )
  }

  async findBlock(cid: string): Promise<Uint8Array | null> {
    return this.blocks.get(cid) ?? null
  }

  async findBlocks(cids: readonly string[]): Promise<Map<string, Uint8Array>> {
    const found = cids.map((cid) => [cid, this.blocks.get(cid)] as const)
    return new Map(found.filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined))
  }

  /** Builds a commit without keeping it. */
  async build(writes: readonly RepoWrite[], rev: Tid = nextTid(this.head.rev, 0)): Promise<BuiltCommit> {
    const { did, keypair, head } = this
    return buildCommit({ did, previous: head, rev, writes, blocks: this, keypair, tree: this.#tree() })
  }

  async commit(writes: readonly RepoWrite[]): Promise<BuiltCommit> {
    this.#apply(await this.build(writes))
    return this.head
  }

  /** Every other commit reads its tree anew, so that tests meet both ways. */
  #tree(): RepoTree | undefined {
    this.#builds += 1
    return this.#builds % 2 === 0 ? this.head.tree : undefined
  }

  #apply(commit: BuiltCommit): void {
    this.head = commit
    for (const { collection, rkey, cid } of commit.ops) {
      if (cid === null) this.records.delete(`${collection}/${rkey}`)
      else this.records.set(`${collection}/${rkey}`, cid.toString())
    }
    const referenced = new Set(this.records.values())
    for (const cid of commit.removedCids) this.blocks.delete(cid)
    for (const cid of commit.removedRecordCids) if (!referenced.has(cid)) this.blocks.delete(cid)
    for (const [cid, bytes] of commit.newBlocks) this.blocks.set(cid, bytes)
  }
}
