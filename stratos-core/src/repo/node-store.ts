import { decode } from '@atproto/lex-cbor'
import type { Cid } from '@atproto/lex-data'
import { BlockMap, ReadableBlockstore } from '@atproto/repo'
import { memberOf } from '../untyped.ts'

/** Where the blocks of a repo are read from; the storage port's `RepoStore` is one. */
export interface BlockSource {
  /** @param cid base32 text form */
  findBlock(cid: string): Promise<Uint8Array | null>
}

/** What the MST of `@atproto/repo` reads its nodes through. */
export class NodeStore extends ReadableBlockstore {
  #source: BlockSource

  constructor(source: BlockSource) {
    super()
    this.#source = source
  }

  /** Reads from another source from now on: a tree that is kept outlives the transaction that it was read in. */
  readFrom(source: BlockSource): void {
    this.#source = source
  }

  /**
   * Reads a node without the schema check that it would get by default, which takes longer than the rest of a commit
   * together. Nodes of a repo are either ours or were checked when they were imported.
   */
  override async readObj<T>(cid: Cid, expected: { name: string }): Promise<T> {
    const bytes = await this.getBytes(cid)
    if (bytes === null) throw new Error(`${expected.name} ${cid.toString()} of the repo is missing`)
    const node = decode(bytes)
    if (!Array.isArray(memberOf(node, 'e'))) {
      throw new Error(`block ${cid.toString()} of the repo is no ${expected.name}`)
    }
    return node as T
  }

  override async getBytes(cid: Cid): Promise<Uint8Array | null> {
    return this.#source.findBlock(cid.toString())
  }

  override async has(cid: Cid): Promise<boolean> {
    return (await this.#source.findBlock(cid.toString())) !== null
  }

  override async getBlocks(cids: Cid[]): Promise<{ blocks: BlockMap; missing: Cid[] }> {
    const blocks = new BlockMap()
    const missing: Cid[] = []
    for (const cid of cids) {
      const bytes = await this.getBytes(cid)
      if (bytes === null) missing.push(cid)
      else blocks.set(cid, bytes)
    }
    return { blocks, missing }
  }
}
