import type { ReadScope } from '../access/read-scope.ts'
import type { Boundary } from '../boundary/boundary.ts'
import type { Nsid, Rkey, Tid } from '../ids.ts'

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

export interface RecordEntry extends RecordKey {
  readonly cid: string
  readonly rev: Tid
  readonly boundaries: readonly Boundary[]
}

export interface RecordListing {
  readonly collection: Nsid
  readonly scope: ReadScope
  /** Exclusive record key to continue from, in the direction of the listing. */
  readonly after?: Rkey | undefined
  readonly limit: number
  /** Newest record key first unless `ascending`. */
  readonly ascending: boolean
}

/**
 * The index of one repo's records. Every read takes a `ReadScope`, applied inside the query: a record outside it does the
 * same work as one that does not exist, and never counts towards a page.
 */
export interface RecordStore {
  find(key: RecordKey, scope: ReadScope): Promise<StoredRecord | null>
  /** In no particular order; unknown and invisible keys are absent. */
  findMany(keys: readonly RecordKey[], scope: ReadScope): Promise<StoredRecord[]>
  list(listing: RecordListing): Promise<StoredRecord[]>
  /** CIDs of current records by key, whatever their boundaries; for the write path. */
  findCid(key: RecordKey): Promise<string | null>
  put(entry: RecordEntry): Promise<void>
  delete(key: RecordKey): Promise<void>
  /** Those of `cids` that are still the value of some record: equal records share one block. */
  filterReferenced(cids: readonly string[]): Promise<Set<string>>
}
