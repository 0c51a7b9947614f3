import type { Cid } from '@atproto/lex-data'
import type { Did, FeedName } from 'stratos-core'

/** What followers are told, with everything that they may see. */
export type FeedMessage = CommitMessage | EnrollmentMessage

export interface CommitMessage {
  readonly kind: 'commit'
  /** Position in the feed that is followed. */
  readonly seq: number
  /** Position in the feed of the repo, where that is another one. */
  readonly repoSeq: number | null
  readonly did: Did
  readonly atMs: number
  readonly rev: string
  readonly ops: readonly RecordOp[]
}

export interface RecordOp {
  readonly action: 'create' | 'update' | 'delete'
  /** `collection/rkey` */
  readonly path: string
  readonly cid: Cid | null
  /** DAG-CBOR; null if this version of the record is not kept any more. */
  readonly record: Uint8Array | null
}

export interface EnrollmentMessage {
  readonly kind: 'enrollment'
  readonly seq: number
  readonly did: Did
  readonly atMs: number
  readonly action: 'enroll' | 'unenroll'
  readonly boundaries: readonly string[]
}

export interface MessagePage {
  readonly messages: readonly FeedMessage[]
  /** Where to continue: everything up to here was told, or is not for this follower. */
  readonly upTo: number
  readonly more: boolean
}

/** A feed as one kind of follower sees it. */
export interface FollowedFeed {
  /** Tells when there is more. */
  readonly name: FeedName
  /** Followers with the same key see the same. */
  readonly key: string
  latestSeq(): Promise<number>
  oldestSeq(): Promise<number>
  /** @param after exclusive @throws {StratosError} `NotFound` if what is followed is gone */
  page(after: number): Promise<MessagePage>
}
