import type { LexMap } from '@atproto/lex-data'
import {
  formatCid,
  blobsOf,
  linksOf,
  type Boundary,
  type RecordBlock,
  type RecordEntry,
  type RecordKey,
  type Tid,
} from 'stratos-core'

/** A record as a commit writes it. */
export interface WrittenRecord extends RecordKey {
  readonly record: LexMap
  readonly block: RecordBlock
  readonly boundaries: readonly Boundary[]
}

/** What the index keeps of a record. @param rev of the commit that writes it */
export function recordEntryOf(written: WrittenRecord, rev: Tid): RecordEntry {
  const { collection, rkey, record, block, boundaries } = written
  return {
    collection,
    rkey,
    rev,
    cid: formatCid(block.cid),
    boundaries,
    blobs: blobsOf(record).map(({ cid }) => formatCid(cid)),
    links: linksOf(record),
  }
}
