import { randomUUID } from 'node:crypto'
import { readSync } from 'node:fs'
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { StratosError } from 'stratos-core'

const WRITE_BYTES = 1024 * 1024

/** A file that has no name, and so ends with the process; written from its beginning to its end, and then read. */
export class TemporaryFile {
  readonly #file: FileHandle
  #filling = Buffer.allocUnsafe(WRITE_BYTES)
  #filled = 0
  /** What is to be written before it. */
  #full: Buffer[] = []
  #length = 0

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** @param directory in which it takes room; made if need be */
  static async open(directory: string): Promise<TemporaryFile> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, randomUUID())
    const file = await open(path, 'wx+', 0o600)
    try {
      await unlink(path)
    } catch (err) {
      await file.close()
      throw err
    }
    return new TemporaryFile(file)
  }

  /** Of everything that was added. */
  get length(): number {
    return this.#length
  }

  /** Adds bytes, which may change afterwards. To be followed by `write` after a chunk of input or the like. */
  add(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#filling.length) {
      this.#full.push(this.#filling.subarray(0, this.#filled))
      this.#filling = Buffer.allocUnsafe(Math.max(WRITE_BYTES, bytes.length))
      this.#filled = 0
    }
    this.#filling.set(bytes, this.#filled)
    this.#filled += bytes.length
    this.#length += bytes.length
  }

  /** Writes what has become much. @throws {StratosError} `InsufficientStorage` */
  async write(): Promise<void> {
    if (this.#full.length === 0) return
    const full = this.#full
    this.#full = []
    for (const bytes of full) await this.#append(bytes)
  }

  /** Writes the rest; nothing can be added any more. @throws {StratosError} `InsufficientStorage` */
  async seal(): Promise<void> {
    await this.write()
    await this.#append(this.#filling.subarray(0, this.#filled))
    this.#filling = Buffer.alloc(0)
    this.#filled = 0
  }

  /**
   * Fills a buffer with what is at a place. The bytes were just written, so that they are in memory and nobody waits for a
   * disk.
   *
   * @returns how many there were up to the end of the file
   */
  read(into: Buffer, position: number): number {
    for (let done = 0; ;) {
      const read = readSync(this.#file.fd, into, done, into.length - done, position + done)
      done += read
      if (read === 0 || done === into.length) return done
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #append(bytes: Buffer): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) done += (await this.#file.write(bytes, done)).bytesWritten
    } catch (cause) {
      throw new StratosError('InsufficientStorage', 'there is no room for this import', { cause })
    }
  }
}
