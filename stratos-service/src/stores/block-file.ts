import { hash, randomUUID } from 'node:crypto'
import { readSync } from 'node:fs'
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { StratosError, type BlockSpool, type CarFrame, type Cid } from 'stratos-core'
import { DigestIndex } from './digest-index.ts'

const WRITE_BYTES = 1024 * 1024
const PAGE_BYTES = 64 * 1024
const PAGES = 24
/** SHA-256 of the block and its length. */
const PREFIX_BYTES = 36

/** Opens a spool of blocks in a file below `directory` which has no name, and so ends with the process. */
export async function openBlockFile(directory: string): Promise<BlockSpool> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, randomUUID())
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return new BlockFile(file)
}

class BlockFile implements BlockSpool {
  readonly #file: FileHandle
  readonly #index = new DigestIndex()
  #unwritten: Uint8Array[] = []
  #unwrittenBytes = 0
  #length = 0
  readonly #pages: Pages

  constructor(file: FileHandle) {
    this.#file = file
    this.#pages = new Pages(file.fd)
  }

  async put(blocks: readonly CarFrame[]): Promise<void> {
    for (const { cid, bytes } of blocks) {
      const digest = hash('sha256', bytes, 'buffer')
      if (!digest.equals(cid.multihash.digest)) {
        throw new StratosError('InvalidCar', `a block is not what its CID ${cid.toString()} names`)
      }
      if (!this.#index.add(digest, this.#length)) continue
      const prefix = Buffer.alloc(PREFIX_BYTES)
      digest.copy(prefix)
      prefix.writeUInt32BE(bytes.length, digest.length)
      this.#unwritten.push(prefix, Buffer.from(bytes))
      this.#unwrittenBytes += prefix.length + bytes.length
      this.#length += prefix.length + bytes.length
    }
    if (this.#unwrittenBytes >= WRITE_BYTES) await this.seal()
  }

  async seal(): Promise<void> {
    if (this.#unwrittenBytes === 0) return
    const parts = this.#unwritten
    this.#unwritten = []
    this.#unwrittenBytes = 0
    await this.#append(Buffer.concat(parts))
  }

  async #append(bytes: Buffer): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) done += (await this.#file.write(bytes, done)).bytesWritten
    } catch (cause) {
      throw new StratosError('InsufficientStorage', 'there is no room for this import', { cause })
    }
  }

  find({ multihash: { digest } }: Cid): Uint8Array | null {
    const place = this.#index.find(digest)
    if (place === null) return null
    const prefix = this.#pages.read(place, PREFIX_BYTES)
    if (!prefix.subarray(0, digest.length).equals(digest)) return null
    return this.#pages.read(place + PREFIX_BYTES, prefix.readUInt32BE(digest.length))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

/**
 * Reads a file that does not change, by pages of which the latest stay: blocks that belong together are mostly beside each
 * other, nodes in one place and records in another. It was just written, so that the bytes are in memory and reading does
 * not wait for a disk.
 */
class Pages {
  readonly #fd: number
  /** By number, those used longest ago first. */
  readonly #kept = new Map<number, Buffer>()

  constructor(fd: number) {
    this.#fd = fd
  }

  /** @returns a copy */
  read(position: number, length: number): Buffer {
    const number = Math.floor(position / PAGE_BYTES)
    const from = position - number * PAGE_BYTES
    if (from + length > PAGE_BYTES) return this.#readAll(position, length)
    return Buffer.from(this.#page(number).subarray(from, from + length))
  }

  #page(number: number): Buffer {
    const known = this.#kept.get(number)
    if (known !== undefined) {
      this.#kept.delete(number)
      this.#kept.set(number, known)
      return known
    }
    const [oldest] = this.#kept.keys()
    const isFull = this.#kept.size >= PAGES && oldest !== undefined
    const page = (isFull ? this.#kept.get(oldest) : undefined) ?? Buffer.alloc(PAGE_BYTES)
    if (isFull) this.#kept.delete(oldest)
    this.#fill(page, number * PAGE_BYTES)
    this.#kept.set(number, page)
    return page
  }

  #readAll(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    if (this.#fill(bytes, position) < length) {
      throw new Error('the file of an import is shorter than what was written to it')
    }
    return bytes
  }

  /** @returns how many bytes there were up to the end of the file */
  #fill(bytes: Buffer, position: number): number {
    for (let done = 0; ;) {
      const read = readSync(this.#fd, bytes, done, bytes.length - done, position + done)
      done += read
      if (read === 0 || done === bytes.length) return done
    }
  }
}
