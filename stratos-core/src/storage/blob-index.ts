import type { ReadScope } from '../access/read-scope.ts'
import type { Tid } from '../ids.ts'
import type { RecordKey } from './record-store.ts'

/** What is known of one blob of a repo. */
export interface BlobEntry {
  /** Base32 text form of a raw CID. */
  readonly cid: string
  readonly mimeType: string
  readonly size: number
  /** Where the bytes are as long as they are temporary; null once they are permanent. */
  readonly temporaryKey: string | null
  /** Until when the blob is kept though no record refers to it, in milliseconds since the epoch. */
  readonly keepUntilMs: number
  readonly quarantined: boolean
  /** Whether its bytes are being deleted: it counts as missing, but its name is not free yet. */
  readonly doomed: boolean
}

/** What an upload leaves behind. */
export interface UploadedBlob {
  readonly cid: string
  readonly mimeType: string
  readonly size: number
  readonly temporaryKey: string
  readonly keepUntilMs: number
}

export interface BlobListing {
  readonly scope: ReadScope
  /** Only blobs of records written after this revision. */
  readonly since?: Tid | undefined
  /** Exclusive CID to continue from; empty text starts. */
  readonly after: string
  readonly limit: number
}

/** A blob that is due for a look, because of what happened to it or because its time has come. */
export interface BlobCheck {
  readonly cid: string
  /** Failed looks so far. */
  readonly attempts: number
}

/**
 * The index of one repo's blobs: which there are, and what has yet to be done about their bytes. Every change that makes
 * work (promotion, quarantine, collection) is noted down in the surrounding transaction as a check that is due, so that
 * nothing is forgotten.
 */
export interface BlobIndex {
  /** Doomed ones included. */
  findMany(cids: readonly string[]): Promise<BlobEntry[]>
  /** Sum of the sizes of all blobs that are not doomed, in bytes. */
  usage(): Promise<number>
  /**
   * Enters an upload. A blob that is there already keeps its place and its MIME type, and is kept until the later of both
   * times; a doomed one starts anew.
   *
   * @returns the entry as it is then; if its `temporaryKey` is not that of the upload, the new bytes are superfluous
   */
  keep(blob: UploadedBlob): Promise<BlobEntry>
  /**
   * After records have changed: `used` blobs are referred to and no longer kept for their own sake, `released` ones may
   * have lost a reference. Both are due for a check at `nowMs`.
   */
  settle(change: {
    readonly used: readonly string[]
    readonly released: readonly string[]
    readonly nowMs: number
  }): Promise<void>
  /** CIDs that these records refer to, whether or not the blobs are there. */
  listReferencedBy(keys: readonly RecordKey[]): Promise<string[]>
  isReferenced(cid: string): Promise<boolean>
  /** The blob, if some record in scope refers to it and it is neither quarantined nor doomed. */
  findVisible(cid: string, scope: ReadScope): Promise<BlobEntry | null>
  /** CIDs of blobs that `findVisible` would find, in order. */
  listVisible(listing: BlobListing): Promise<string[]>
  /** Blobs that records refer to and that are not there, in order of their CIDs, each with one such record. */
  listMissing(after: string, limit: number): Promise<{ readonly cid: string; readonly record: RecordKey }[]>

  /** @returns false if there is no such blob; the bytes follow by the check that this makes due */
  setQuarantined(cid: string, quarantined: boolean, nowMs: number): Promise<boolean>

  /** Checks that are due, those due longest first. */
  listDue(nowMs: number, limit: number): Promise<BlobCheck[]>
  /** When the next check is due; null if none is. */
  nextCheckAtMs(): Promise<number | null>
  /** Notes when to look again; null: not before something happens. */
  checkAgain(check: BlobCheck, atMs: number | null): Promise<void>
  /** Says that the bytes under this temporary key are permanent now. */
  markPermanent(cid: string, temporaryKey: string): Promise<void>
  /** From here on the blob counts as missing. */
  doom(cid: string): Promise<void>
  /** Removes a blob that is still doomed. */
  remove(cid: string): Promise<void>
  /** Whether these bytes are those of a blob. */
  isKnownKey(temporaryKey: string): Promise<boolean>
}
