import type { Did } from '../ids.ts'

/** Bytes at rest, open for reading. */
export interface StoredBytes {
  readonly size: number
  /** Changes whenever the bytes may have changed; equal text means that what was checked once still holds. */
  readonly version: string
  /**
   * Reads from `start` up to and including `end`, both counted from 0 and within the size; everything without a range.
   * Ending the iteration early lets go of what it holds.
   *
   * @param memory where chunks may be read into; without it they stay as they are
   * @throws {StratosError} `BlobNotFound` before the first bytes if they were moved or deleted since they were opened,
   *   `ServiceUnavailable` if they cannot be reached
   */
  read(range?: ByteRange, memory?: ChunkMemory): AsyncIterable<Uint8Array>
}

/**
 * Memory for chunks which is used again and again: chunks of a large blob would become garbage faster than it is collected.
 * Whoever passes it on decides how many of them stay as they are before the first one is written over.
 */
export interface ChunkMemory {
  take(bytes: number): Uint8Array
}

export interface ByteRange {
  readonly start: number
  /** Inclusive. */
  readonly end: number
}

/**
 * Where the bytes of blobs are. Knows nothing of records and viewers: a `BlobIndex` says what each blob is good for. The
 * same bytes of two users are two blobs.
 *
 * CIDs and keys are names here; nobody checks whether bytes fit a CID. Every method throws `StratosError`
 * `ServiceUnavailable` when the place cannot be reached, and `InsufficientStorage` when it is full.
 */
export interface BlobStore {
  /**
   * Keeps bytes under a new key. They are all there and durable when the promise resolves, and not at all if it rejects.
   *
   * @param source read once, no faster than it can be stored; what it throws is thrown on
   */
  putTemporary(did: Did, source: AsyncIterable<Uint8Array>): Promise<string>
  /** Turns temporary bytes into a blob. May be repeated: nothing happens when they have been moved already. */
  makePermanent(did: Did, key: string, cid: string): Promise<void>
  /** @returns null if there are none; likewise below */
  openTemporary(did: Did, key: string): Promise<StoredBytes | null>
  open(did: Did, cid: string): Promise<StoredBytes | null>
  /** Takes a blob out of sight, and back. May be repeated. */
  quarantine(did: Did, cid: string): Promise<void>
  restore(did: Did, cid: string): Promise<void>
  /** Deleting what is not there does nothing. */
  deleteTemporary(did: Did, key: string): Promise<void>
  /** Deletes a blob, also from quarantine. */
  delete(did: Did, cid: string): Promise<void>
  /** Deletes everything of a user: temporary, permanent and in quarantine. */
  destroy(did: Did): Promise<void>
  /**
   * Temporary bytes last written before `beforeMs`, unfinished ones included, for somebody who knows which of them are
   * still wanted. Those of a user whose name the place does not spell out are left out.
   */
  listTemporary(beforeMs: number): AsyncIterable<TemporaryBytes>
  check(): Promise<'ok' | 'failed'>
}

export interface TemporaryBytes {
  readonly did: Did
  readonly key: string
  delete(): Promise<void>
}
