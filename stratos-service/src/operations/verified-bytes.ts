import { createHash } from 'node:crypto'
import { cidForRawHash } from '@atproto/lex-data'
import type { ByteRange, ChunkMemory, StoredBytes } from 'stratos-core'
import { ChunkRing } from '../limits/chunk-ring.ts'

const MAX_REMEMBERED = 20_000
/** The chunk that is withheld, and the one that is read after it. */
const CHUNKS_TO_CHECK = 2

/**
 * Hands out stored bytes only if they are those that their CID names. Bytes that have not been looked at since they last
 * changed are read once for that before the first of them leaves; whole reads are checked again while they pass.
 */
export class VerifiedBytes {
  /** Versions of bytes that were right, by what they are. */
  readonly #right = new Map<string, string>()

  /**
   * @param name of the bytes among all that are kept here
   * @throws {Error} if the bytes are not those of the CID, also from the iteration; its last chunk is withheld then
   */
  async open(name: string, cid: string, stored: StoredBytes): Promise<StoredBytes> {
    if (this.#right.get(name) !== stored.version) {
      for await (const _ of this.#checked(name, cid, stored, new ChunkRing(CHUNKS_TO_CHECK)));
    }
    return {
      size: stored.size,
      version: stored.version,
      read: (range, memory) =>
        isWhole(range, stored.size) ? this.#checked(name, cid, stored, memory) : stored.read(range, memory),
    }
  }

  async *#checked(
    name: string,
    cid: string,
    stored: StoredBytes,
    memory: ChunkMemory | undefined,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256')
    let withheld: Uint8Array | null = null
    for await (const chunk of stored.read(undefined, memory)) {
      if (withheld !== null) yield withheld
      hash.update(chunk)
      withheld = chunk
    }
    if (cidForRawHash(hash.digest()).toString() !== cid) {
      this.#right.delete(name)
      throw new Error(`the bytes of blob ${name} are damaged`)
    }
    if (this.#right.size >= MAX_REMEMBERED) this.#right.clear()
    this.#right.set(name, stored.version)
    if (withheld !== null) yield withheld
  }
}

function isWhole(range: ByteRange | undefined, size: number): boolean {
  return range === undefined || (range.start === 0 && range.end === size - 1)
}
