export type { AllowListStore, KnownAccounts } from './allow-list-store.ts'
export type { ActorStores, Actors, Snapshot } from './actors.ts'
export type { LeaseStore } from './lease-store.ts'
export type { Approval, ApprovalStore } from './approval-store.ts'
export type { AuditEntry, AuditLog, AuditNote, AuditedAction } from './audit-log.ts'
export type { BacklogStore } from './backlog-store.ts'
export type { BlobCheck, BlobEntry, BlobIndex, BlobListing, UploadedBlob } from './blob-index.ts'
export type { BlobStore, ByteRange, ChunkMemory, StoredBytes, TemporaryBytes } from './blob-store.ts'
export type { BlockSpool, OpenSpool, PieceSpool } from './block-spool.ts'
export type { SigningKeyResolver } from './did-resolver.ts'
export type { EnrollmentStore, Tombstone } from './enrollment-store.ts'
export type { EventIndex, EventLog, EventPage, EventQuery, IndexedEvent, LoggedEvent } from './event-log.ts'
export type {
  CommitEntry,
  EnrollmentEntry,
  EntryFeed,
  EntryPage,
  FeedName,
  Feeds,
  FeedWatch,
  ServiceEntry,
} from './feeds.ts'
export type { Job, JobQueue, JobWish } from './job-queue.ts'
export type {
  RecordBatch,
  RecordChanges,
  RecordEntry,
  RecordKey,
  RecordListing,
  RecordPage,
  RecordStore,
  StoredRecord,
} from './record-store.ts'
export type { ReplayStore } from './replay-store.ts'
export type { AddedBlock, BlockChanges, RepoHead, RepoStore } from './repo-store.ts'
export type { SessionKey, SessionStore } from './session-store.ts'
export type { RateAllowance, WriteRate, WriteRateLimiter } from './write-rate-limiter.ts'
