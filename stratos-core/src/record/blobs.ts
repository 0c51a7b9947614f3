import { type Cid, type LexMap, enumBlobRefs } from '@atproto/lex-data'

/** A blob as a record refers to it. Type and size are what the record says; nobody has looked at the blob. */
export interface RecordBlob {
  readonly cid: Cid
  readonly mimeType: string
  readonly size: number
}

/**
 * Lists the blobs that a record refers to, at any depth: `{ $type: 'blob', ref, mimeType, size }` with a raw CID. Anything
 * that only resembles one is not a reference and keeps no blob alive.
 *
 * @returns each blob once, in no particular order
 * @see https://atproto.com/specs/data-model#blob-type
 */
export function blobsOf(record: LexMap): RecordBlob[] {
  const found = new Map<string, RecordBlob>()
  for (const { ref, mimeType, size } of enumBlobRefs(record, { strict: true })) {
    found.set(ref.toString(), { cid: ref, mimeType, size })
  }
  return [...found.values()]
}
