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
