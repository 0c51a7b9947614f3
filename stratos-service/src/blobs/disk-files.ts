import { constants, existsSync } from 'node:fs'
import { access, mkdir, open, opendir, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { StratosError, type ByteRange, type ChunkMemory, type StoredBytes } from 'stratos-core'
import type { ByteFiles, ListedFile } from './byte-files.ts'

const READ_BYTES = 256 * 1024
const FRESH: ChunkMemory = { take: (bytes) => Buffer.allocUnsafe(bytes) }

/** Files in a directory of this machine, readable by the service's account alone. */
export class DiskFiles implements ByteFiles {
  readonly #root: string
  readonly #report: (err: unknown) => void

  /** @param report told of every failure of the disk */
  constructor(root: string, report: (err: unknown) => void) {
    this.#root = root
    this.#report = report
  }

  async write(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const file = this.#at(path)
    const handle = await this.#try(async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      return open(file, 'wx', 0o600)
    })
    try {
      for await (const chunk of source) await this.#try(() => writeAll(handle, chunk))
      await this.#try(() => handle.sync())
      await handle.close()
      await this.#try(() => syncFolder(dirname(file)))
    } catch (err) {
      await handle.close()
      await this.remove(path)
      throw err
    }
  }

  async open(path: string): Promise<StoredBytes | null> {
    const file = this.#at(path)
    const found = await this.#ifPresent(() => stat(file, { bigint: true }))
    if (found === null) return null
    const { ino, size, mtimeNs } = found
    return {
      size: Number(size),
      version: `${ino}-${size}-${mtimeNs}`,
      read: (range, memory = FRESH) => this.#read(file, range ?? { start: 0, end: Number(size) - 1 }, memory),
    }
  }

  async move(from: string, to: string): Promise<void> {
    const [source, target] = [this.#at(from), this.#at(to)]
    await this.#ifPresent(async () => {
      await stat(source)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await rename(source, target)
      await syncFolder(dirname(target))
      await syncFolder(dirname(source))
    })
  }

  async remove(path: string): Promise<void> {
    const file = this.#at(path)
    await this.#ifPresent(async () => {
      await unlink(file)
      await syncFolder(dirname(file))
    })
  }

  async removeFolder(path: string): Promise<void> {
    const folder = this.#at(path)
    await this.#try(() => rm(folder, { recursive: true, force: true }))
    await this.#ifPresent(() => syncFolder(dirname(folder)))
  }

  async *list(folder: string): AsyncGenerator<ListedFile> {
    const root = this.#at(folder)
    const entries = await this.#ifPresent(() => opendir(root, { recursive: true }))
    if (entries === null) return
    for await (const entry of entries) {
      const file = join(entry.parentPath, entry.name)
      const found = entry.isFile() ? await this.#ifPresent(() => stat(file)) : null
      if (found === null) continue
      const path = file
        .slice(this.#root.length + 1)
        .split(sep)
        .join('/')
      yield { path, modifiedAtMs: found.mtimeMs }
    }
  }

  // What is half written is a file in its place.
  async discardUnfinished(): Promise<void> {}

  async check(): Promise<'ok' | 'failed'> {
    try {
      // Not the folders above: where the data directory is gone, another one in its place would hide that.
      if (!existsSync(this.#root)) await mkdir(this.#root, { mode: 0o700 })
      await access(this.#root, constants.R_OK | constants.W_OK)
      return 'ok'
    } catch {
      return 'failed'
    }
  }

  async *#read(file: string, { start, end }: ByteRange, memory: ChunkMemory): AsyncGenerator<Uint8Array> {
    const handle = await this.#ifPresent(() => open(file, 'r'))
    if (handle === null) throw new StratosError('BlobNotFound', 'the blob is not there any more')
    try {
      for (let position = start; position <= end;) {
        const length = Math.min(READ_BYTES, end - position + 1)
        const buffer = memory.take(length)
        const { bytesRead } = await this.#try(() => handle.read(buffer, 0, length, position))
        if (bytesRead === 0) throw new StratosError('ServiceUnavailable', 'the blob is shorter than it was')
        yield buffer.subarray(0, bytesRead)
        position += bytesRead
      }
    } finally {
      await handle.close()
    }
  }

  #at(path: string): string {
    return join(this.#root, path)
  }

  /** @returns null if the file or the folder is not there */
  async #ifPresent<T>(work: () => Promise<T>): Promise<T | null> {
    return this.#try(() =>
      work().catch((err: unknown) => {
        if (codeOf(err) === 'ENOENT') return null
        throw err
      }),
    )
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      this.#report(cause)
      const code = codeOf(cause)
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        throw new StratosError('InsufficientStorage', 'there is no room left for blobs', { cause })
      }
      throw new StratosError('ServiceUnavailable', 'blobs cannot be reached right now', { cause })
    }
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await handle.write(chunk, written)).bytesWritten
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function codeOf(err: unknown): unknown {
  return err instanceof Error && 'code' in err ? err.code : undefined
}
