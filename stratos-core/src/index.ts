export { ERROR_CODES, RateLimitedError, StratosError, type ErrorCode } from './errors.ts'
export { decideRead, explainRead, type EvaluatedRule, type ReadCase } from './access/read-rules.ts'
export {
  formatAtUri,
  nextTid,
  parseAtUri,
  parseCid,
  parseDid,
  parseNsid,
  parseRkey,
  parseTid,
  type AtUri,
  type Cid,
  type Did,
  type Nsid,
  type RecordAddress,
  type Rkey,
  type Tid,
} from './ids.ts'

export {
  MAX_BOUNDARY_LENGTH,
  isQualified,
  parseBoundary,
  qualifyBoundary,
  type Boundary,
  type BoundaryParts,
} from './boundary/boundary.ts'
export { boundariesOf, translateBoundaries } from './boundary/record-boundaries.ts'

export {
  ANONYMOUS,
  type AnonymousViewer,
  type OperatorViewer,
  type ServiceViewer,
  type UserViewer,
  type Viewer,
} from './access/viewer.ts'
export { ALLOW, deny, type Decision, type DenyReason } from './access/decision.ts'
export { FULL_SCOPE, readScopeOf, type ReadScope } from './access/read-scope.ts'
export {
  MAX_RECORD_BOUNDARIES,
  checkBoundaries,
  mayRead,
  mayWrite,
  type BoundaryAuthority,
} from './access/boundary-policy.ts'

export {
  MAX_ENROLLED_BOUNDARIES,
  decideEligibility,
  type Eligibility,
  type Enrollment,
  type EnrollmentPolicy,
  type IneligibleReason,
} from './enrollment/enrollment.ts'
export {
  encodeAttestation,
  signAttestation,
  verifyAttestation,
  type Attestation,
  type AttestedMembership,
} from './enrollment/attestation.ts'
export {
  encodeMembership,
  signMembership,
  verifyMembership,
  type AudienceMembership,
  type SignedMembership,
} from './enrollment/signed-membership.ts'
export {
  ENROLLMENT_COLLECTION,
  buildEnrollmentRecord,
  parseEnrollmentRecord,
  serviceDidToRkey,
  type EnrollmentRecord,
  type EnrollmentRecordValue,
} from './enrollment/enrollment-record.ts'

export { CID_BYTES, formatCid, readCid } from './cid-bytes.ts'

export { decodeCanonical } from './record/canonical-cbor.ts'
export { CborWriter } from './record/cbor-writer.ts'
export { MAX_RECORD_DEPTH, assertDataModel } from './record/data-model.ts'
export { MAX_RECORD_BYTES, decodeRecord, encodeRecord, type RecordBlock } from './record/record-block.ts'
export { isKeptCollection } from './record/collections.ts'
export {
  validateRecord,
  type RecordDraft,
  type RecordPolicy,
  type ValidatedRecord,
} from './record/validate-record.ts'
export { POST_COLLECTION, assertNoPrivateEmbed, checkReferences, referencesOf } from './record/references.ts'
export { blobsOf, type RecordBlob } from './record/blobs.ts'
export { MEDIA_TYPE_HEAD_BYTES, decideMediaType, isShownInPlace } from './record/media-type.ts'
export { linksOf, type RecordLink } from './record/links.ts'
export { buildStub, isStub, parseStubSource, type Stub, type StubSource } from './record/stub.ts'

export { openCar, type CarFrame, type CarLimits, type OpenCar } from './proof/car-frames.ts'
export { findInTree, readTree, type TreeEntry } from './proof/read-tree.ts'
export { readProof, type Proof } from './proof/read-proof.ts'
export { findCommit, findProvenRecord, type ProvenRecord, type SignedCommit } from './proof/verify-record.ts'

export { decodeFrame, type StreamFrame } from './stream/decode-frame.ts'

export { ANY_TAG } from './storage/event-log.ts'
export type {
  ActorStores,
  Actors,
  AllowListStore,
  Approval,
  ApprovalStore,
  AuditEntry,
  AuditLog,
  AuditNote,
  AuditedAction,
  BacklogStore,
  AddedBlock,
  BlobCheck,
  BlobEntry,
  BlobIndex,
  BlobListing,
  BlobStore,
  BlockChanges,
  ByteRange,
  ChunkMemory,
  BlockSpool,
  CommitEntry,
  EnrollmentEntry,
  EnrollmentStore,
  EntryFeed,
  EntryPage,
  EventIndex,
  EventLog,
  EventPage,
  EventQuery,
  FeedName,
  Feeds,
  FeedWatch,
  IndexedEvent,
  Job,
  JobQueue,
  LeaseStore,
  JobWish,
  KnownAccounts,
  LoggedEvent,
  OpenSpool,
  PieceSpool,
  RecordBatch,
  RecordChanges,
  RecordEntry,
  RecordKey,
  RecordListing,
  RecordPage,
  RecordStore,
  ReplayStore,
  RepoHead,
  RepoStore,
  ServiceEntry,
  SessionKey,
  SessionStore,
  SigningKeyResolver,
  Snapshot,
  StoredBytes,
  StoredRecord,
  TemporaryBytes,
  UploadedBlob,
  Tombstone,
  RateAllowance,
  WriteRate,
  WriteRateLimiter,
} from './storage/index.ts'
