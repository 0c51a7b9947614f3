import type { ReadScope } from '../access/read-scope.ts'
import type { Boundary } from '../boundary/boundary.ts'
import type { Nsid, Rkey, Tid } from '../ids.ts'
import type { RecordLink } from '../record/links.ts'

export interface RecordKey {
  readonly collection: Nsid
  readonly rkey: Rkey
}

/** A record as it is kept: the exact bytes that its CID names. */
export interface StoredRecord extends RecordKey {
  /** Base32 text form. */
  readonly cid: string
  readonly bytes: Uint8Array
  readonly boundaries: readonly Boundary[]
}

/** What the index keeps of a record. */
export interface RecordEntry extends RecordKey {
  readonly cid: string
  readonly rev: Tid
  readonly boundaries: readonly Boundary[]
  /** CIDs of the blobs it refers to (see `blobsOf`). */
  readonly blobs: readonly string[]
  /** What it points at (see `linksOf`). */
  readonly links: readonly RecordLink[]
}

/** What one commit changes among the records. No key is in it twice. */
export interface RecordChanges {
  /** Their keys must be free, or the change fails. */
  readonly created: readonly RecordEntry[]
  readonly updated: readonly RecordEntry[]
  readonly deleted: readonly RecordKey[]
}

export interface RecordListing {
  readonly collection: Nsid
  readonly scope: ReadScope
  /** Exclusive record key to continue from, in the direction of the listing. */
  readonly after?: Rkey | undefined
  readonly limit: number
  /** Of the records' bytes; a page ends with the record that reaches it. More than 0. */
  readonly maxBytes: number
  /** Newest record key first unless `ascending`. */
  readonly ascending: boolean
}

export interface RecordPage {
  readonly records: readonly StoredRecord[]
  /** Whether the listing goes on after the last one. */
  readonly more: boolean
}

export interface RecordBatch {
  /** In no particular order. */
  readonly records: readonly StoredRecord[]
  /** Records that are there and would have been too much. */
  readonly omitted: readonly RecordKey[]
}

/**
 * The index of one repo's records. Every read takes a `ReadScope`, applied inside the query: a record outside it does the
 * same work as one that does not exist, and never counts towards a page. What is taken down is in no scope, not even `all`.
 *
 * An answer shows one state of the repo.
 */
export interface RecordStore {
  find(key: RecordKey, scope: ReadScope): Promise<StoredRecord | null>
  /** In no particular order; unknown and invisible keys are absent. */
  findMany(keys: readonly RecordKey[], scope: ReadScope): Promise<StoredRecord[]>
  /** As `findMany`. @param maxBytes of the records together; ends with the one, in order of keys, that reaches it */
  findWithin(keys: readonly RecordKey[], scope: ReadScope, maxBytes: number): Promise<RecordBatch>
  list(listing: RecordListing): Promise<RecordPage>
  /** The first collections in scope after the given one, in order. @param after exclusive; empty text starts */
  listCollections(scope: ReadScope, after: string, limit: number): Promise<Nsid[]>
  /** CIDs of current records by `collection/rkey`, whatever their boundaries; for the write path. */
  findCids(keys: readonly RecordKey[]): Promise<Map<string, string>>
  /** Boundaries of those of the records that have some, by `collection/rkey`; for the write path. */
  findBoundaries(keys: readonly RecordKey[]): Promise<Map<string, Boundary[]>>
  /** Applies all changes, with boundaries, blobs and links; only within `Actors.transact`. */
  apply(changes: RecordChanges): Promise<void>
  /** CIDs of records outside the scope, but for those that some record in it has as well. */
  listWithheld(scope: ReadScope): Promise<Set<string>>
  /**
   * Takes an address out of sight for everybody, whatever is or will be written there; only within `Actors.transact`.
   *
   * @returns false if there is no such record, or it is taken down already
   */
  takeDown(key: RecordKey, nowMs: number): Promise<boolean>
  /** Undoes that. @returns false if there is nothing to undo */
  restore(key: RecordKey): Promise<boolean>
  /** Those of the blobs that some record in scope refers to. */
  filterReferencedBlobs(cids: readonly string[], scope: ReadScope): Promise<Set<string>>
  /** Keys of records in scope that point at `target` from anywhere, in order. @param limit of the whole answer */
  listLinking(target: string, scope: ReadScope, limit: number): Promise<RecordKey[]>
}
