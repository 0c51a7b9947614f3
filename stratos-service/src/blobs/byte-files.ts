import type { StoredBytes } from 'stratos-core'

export interface ListedFile {
  readonly path: string
  /** When it was last written, in milliseconds since the epoch. */
  readonly modifiedAtMs: number
}

/**
 * Files by path, whatever keeps them. A path is made by `blob-paths.ts` alone: names between slashes, none of which can
 * lead out of the place. Failures are `StratosError` `ServiceUnavailable` or `InsufficientStorage`.
 */
export interface ByteFiles {
  /** Writes a new file, which is there whole and durable or not at all. What `source` throws is thrown on. */
  write(path: string, source: AsyncIterable<Uint8Array>): Promise<void>
  open(path: string): Promise<StoredBytes | null>
  /** Takes the place of what is at `to`. Does nothing if there is nothing at `from`. */
  move(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  removeFolder(path: string): Promise<void>
  /** Everything below a folder, in no particular order. */
  list(folder: string): AsyncIterable<ListedFile>
  /** Forgets what writers left half done before this time, where that is not a file. */
  discardUnfinished(folder: string, beforeMs: number): Promise<void>
  check(): Promise<'ok' | 'failed'>
}
