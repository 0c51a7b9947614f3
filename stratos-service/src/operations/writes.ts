import type { LexMap } from '@atproto/lex-data'
import type { AtUri, Nsid, Rkey, Tid, RateAllowance } from 'stratos-core'

/** One change of one record, as a caller asks for it. */
export type Write =
  | {
      readonly action: 'create'
      readonly collection: Nsid
      readonly rkey?: Rkey | undefined
      readonly record: LexMap
    }
  | {
      readonly action: 'put'
      readonly collection: Nsid
      readonly rkey: Rkey
      readonly record: LexMap
      readonly swap?: Swap
    }
  | {
      /** As `put`, of a record that must be there. */
      readonly action: 'update'
      readonly collection: Nsid
      readonly rkey: Rkey
      readonly record: LexMap
    }
  | { readonly action: 'delete'; readonly collection: Nsid; readonly rkey: Rkey; readonly swap?: Swap }

/** The CID that the record must have before the write; null means that there must be none. */
export type Swap = string | null | undefined

export interface WriteOptions {
  /** As in atproto: true insists on a known lexicon, false skips the lexicon step and nothing else. */
  readonly validate?: boolean | undefined
  /** CID of the commit that the caller believes to be the head. */
  readonly swapCommit?: string | undefined
}

export interface WriteResult {
  /** What the author may still write for now. */
  readonly allowance: RateAllowance
  /** Absent if nothing changed, as when deleting a missing record. */
  readonly commit?: { readonly cid: string; readonly rev: Tid }
  /** In the order of the writes; a delete has neither `uri` nor `cid`. */
  readonly results: readonly RecordResult[]
}

export interface RecordResult {
  readonly uri?: AtUri
  readonly cid?: string
  readonly validationStatus?: 'valid' | 'unknown' | undefined
}
