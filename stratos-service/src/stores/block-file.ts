import { hash } from 'node:crypto'
import { StratosError, type BlockSpool, type CarFrame, type Cid } from 'stratos-core'
import { DigestIndex } from './digest-index.ts'
import { TemporaryFile } from './temporary-file.ts'

const PAGE_BYTES = 64 * 1024
const PAGES = 24
const DIGEST_BYTES = 32
/** SHA-256 of the block and its length. */
const PREFIX_BYTES = DIGEST_BYTES + 4

/** Opens a spool of blocks in a file below `directory` which has no name, and so ends with the process. */
export async function openBlockFile(directory: string): Promise<BlockSpool> {
  return new BlockFile(await TemporaryFile.open(directory))
}

class BlockFile implements BlockSpool {
  readonly #file: TemporaryFile
  readonly #index = new DigestIndex()
  readonly #pages: Pages
  readonly #prefix = Buffer.alloc(PREFIX_BYTES)

  constructor(file: TemporaryFile) {
    this.#file = file
    this.#pages = new Pages(file)
  }

  async put(blocks: readonly CarFrame[]): Promise<void> {
    for (const { cid, bytes } of blocks) {
      const digest = hash('sha256', bytes, 'buffer')
      if (!digest.equals(cid.multihash.digest)) {
        throw new StratosError('InvalidCar', `a block is not what its CID ${cid.toString()} names`)
      }
      if (!this.#index.add(digest, this.#file.length)) continue
      digest.copy(this.#prefix)
      this.#prefix.writeUInt32BE(bytes.length, DIGEST_BYTES)
      this.#file.add(this.#prefix)
      this.#file.add(bytes)
    }
    await this.#file.write()
  }

  async seal(): Promise<void> {
    await this.#file.seal()
  }

  find({ multihash: { digest } }: Cid): Uint8Array | null {
    const place = this.#index.find(digest)
    if (place === null) return null
    const prefix = this.#pages.view(place, PREFIX_BYTES)
    if (Buffer.compare(prefix.subarray(0, DIGEST_BYTES), digest) !== 0) return null
    return Buffer.from(this.#pages.view(place + PREFIX_BYTES, prefix.readUInt32BE(DIGEST_BYTES)))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/**
 * Reads a file that does not change, by pages of which the latest stay: blocks that belong together are mostly beside each
 * other, nodes in one place and records in another.
 */
class Pages {
  readonly #file: TemporaryFile
  /** By number, those used longest ago first. */
  readonly #kept = new Map<number, Buffer>()
  #latest: { readonly number: number; readonly page: Buffer } | null = null

  constructor(file: TemporaryFile) {
    this.#file = file
  }

  /** @returns bytes that last until the next call */
  view(position: number, length: number): Buffer {
    const number = Math.floor(position / PAGE_BYTES)
    const from = position - number * PAGE_BYTES
    if (from + length <= PAGE_BYTES) return this.#page(number).subarray(from, from + length)
    const bytes = Buffer.alloc(length)
    if (this.#file.read(bytes, position) < length) {
      throw new Error('the file of an import is shorter than what was written to it')
    }
    return bytes
  }

  #page(number: number): Buffer {
    if (this.#latest?.number === number) return this.#latest.page
    const page = this.#kept.get(number) ?? this.#load(number)
    this.#kept.delete(number)
    this.#kept.set(number, page)
    this.#latest = { number, page }
    return page
  }

  #load(number: number): Buffer {
    const [oldest] = this.#kept.keys()
    const isFull = this.#kept.size >= PAGES && oldest !== undefined
    const page = (isFull ? this.#kept.get(oldest) : undefined) ?? Buffer.alloc(PAGE_BYTES)
    if (isFull) this.#kept.delete(oldest)
    this.#file.read(page, number * PAGE_BYTES)
    return page
  }
}
