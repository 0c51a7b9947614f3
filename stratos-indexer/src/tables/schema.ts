import type { Generated } from 'kysely'

/**
 * The tables of the AppView's database. docs/appview/indexer.md describes them as a contract: columns are added, not changed.
 *
 * Times are ISO 8601 in UTC with milliseconds, so that text order is time order. `service` is the DID of the Stratos service
 * that keeps a record: the same URI may exist on two services, with other contents and other boundaries, so every key and
 * every join has it.
 */
export interface Tables {
  stratos_record: RecordTable
  stratos_record_boundary: RecordBoundaryTable
  stratos_post: PostTable
  stratos_post_boundary: PostBoundaryTable
  stratos_enrollment: EnrollmentTable
  stratos_enrollment_boundary: EnrollmentBoundaryTable
  stratos_actor: ActorTable
  stratos_sync_cursor: SyncCursorTable
  stratos_resync: ResyncTable
  stratos_repo: RepoTable
  stratos_dead_letter: DeadLetterTable
  stratos_announcement: AnnouncementTable
  stratos_backfill: BackfillTable
}

/** Every record of every collection that the services show to this indexer. */
export interface RecordTable {
  uri: string
  service: string
  cid: string
  did: string
  collection: string
  rkey: string
  /** Canonical DAG-CBOR, exactly the bytes that `cid` names. */
  record: Uint8Array
  indexedAt: string
}

export interface RecordBoundaryTable {
  uri: string
  service: string
  /** Fully qualified, compared exactly. */
  boundary: string
  did: string
  collection: string
}

/** Posts taken apart for queries. The record itself is in `stratos_record`. */
export interface PostTable {
  uri: string
  service: string
  cid: string
  rkey: string
  creator: string
  text: string
  replyRoot: string | null
  replyRootCid: string | null
  replyParent: string | null
  replyParentCid: string | null
  /** JSON. */
  embed: string | null
  /** JSON. */
  facets: string | null
  /** Separated by commas. */
  langs: string | null
  /** JSON. */
  labels: string | null
  /** Separated by commas. */
  tags: string | null
  createdAt: string
  indexedAt: string
  /** The earlier one of `createdAt` and `indexedAt`. */
  sortAt: string
}

/** Repeats what timelines are ordered and cut by, so that a page comes from one index. */
export interface PostBoundaryTable {
  uri: string
  service: string
  boundary: string
  creator: string
  sortAt: string
}

export interface EnrollmentTable {
  did: string
  service: string
  serviceUrl: string
  enrolledAt: string
  lastChecked: string
  /** JSON list, as the service last told. */
  boundaries: string
}

export interface EnrollmentBoundaryTable {
  did: string
  service: string
  boundary: string
}

export interface ActorTable {
  did: string
  /** null until it was checked in both directions, and if that failed. */
  handle: string | null
  checkedAt: string
}

/** How far each stream was read; written with the rows it tells of. */
export interface SyncCursorTable {
  /** NSID of the stream. */
  stream: string
  /** DID of the service, or URL of the PDS or relay. */
  service: string
  /** Whose stream; empty for one of many repos. */
  did: string
  seq: number
  updatedAt: string
}

/** A service whose stream has a gap: its repos are being read whole. Gone when that is done. */
export interface ResyncTable {
  service: string
  /** Tells this reading from others; repos carry it when they have been read. */
  run: string
  reason: string
}

/** A repo that was read whole. Events of the stream that are older are in it already. */
export interface RepoTable {
  did: string
  service: string
  /** Revision that was read. */
  rev: string
  run: string
}

/** What a stream said and could not be used. No contents: they are had again from the service. */
export interface DeadLetterTable {
  id: Generated<number>
  service: string
  did: string
  seq: number
  /** `collection/rkey`, or empty. */
  path: string
  reason: string
  at: string
}

/** An enrollment record on an account's PDS whose attestation holds. It opens nothing: see `stratos_enrollment` for what does. */
export interface AnnouncementTable {
  did: string
  rkey: string
  /** DID of the service that attested to it. */
  service: string
  /** JSON list. */
  boundaries: string
  /** When the attestation was last seen to hold. */
  attestedAt: string
}

/** A reading of the enrollment records that were there before the firehose was followed. */
export interface BackfillTable {
  /** URL of the PDS or relay. */
  provider: string
  /** `all` repos of the provider, or those of `enrolled` accounts. */
  scope: string
  /** Where it goes on: the provider's cursor, or the last DID; empty at the beginning. */
  after: string
  /** So many repos were asked. */
  repos: number
  /** null while it is under way. */
  finishedAt: string | null
}
