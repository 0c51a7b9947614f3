export {
  StratosClientError,
  findStratosClientError,
  type StratosClientErrorCode,
  type StratosClientErrorOptions,
} from './errors.ts'

export {
  discoverEnrollment,
  discoverEnrollments,
  getEnrollmentByServiceDid,
  serviceDIDToRkey,
  type DiscoveryOptions,
  type PdsAccess,
} from './discovery.ts'
export type { ServiceAttestation, StratosEnrollment } from './enrollment.ts'
export type { BoundaryParts } from 'stratos-core'
export {
  boundariesOf,
  boundaryName,
  buildBoundary,
  groupBoundaries,
  isQualified,
  parseBoundary,
  qualifyBoundary,
  type Boundary,
  type BoundaryMember,
} from './boundaries.ts'

export {
  createServiceFetchHandler,
  findEnrollmentByService,
  resolveServiceUrl,
  type FetchHandler,
  type FetchHandlerObject,
} from './routing.ts'

export { assertStratosService, fetchServiceDid } from './service-identity.ts'
export { StratosAgent, createStratosAgent } from './stratos-agent.ts'
export type { KnownSession, SessionStore } from './session-key.ts'
export type { RetryOptions } from './retry.ts'
export {
  createStratosFetchHandler,
  type StratosAuth,
  type StratosSession,
  type StratosSessionOptions,
} from './session.ts'

export {
  CREATE_SESSION_NSID,
  DEFAULT_SERVICE_FRAGMENT,
  STRATOS_SCOPES,
  buildCollectionScope,
  buildStratosScopes,
  formatAudience,
  type CollectionAction,
  type StratosScopes,
  type StratosScopesOptions,
} from './scopes.ts'

export {
  APPVIEW_FRAGMENT,
  APPVIEW_METHODS,
  buildAppviewScopes,
  createAppviewFetchHandler,
  type Appview,
} from './appview.ts'

export { resolveDidDocument, type DidDocument, type ResolveDidOptions } from './did-document.ts'
export {
  resolveServiceSigningKey,
  resolveUserSigningKey,
  verifyEnrollment,
  verifyMembershipAttestation,
  type MembershipAttestation,
  type MembershipExpectation,
  type PublicKey,
  type ResolveSigningKeyOptions,
} from './attestation.ts'
export { createSigningKeyResolver, type SigningKeyResolverOptions } from './signing-keys.ts'
export {
  fetchAndVerifyRecord,
  verifyCidIntegrity,
  type FetchAndVerifyOptions,
  type VerificationKeys,
  type VerificationLevel,
  type VerifiedRecord,
} from './verification.ts'
export {
  hydrateRecords,
  type HydrateOptions,
  type HydratedRecord,
  type HydrationTarget,
} from './hydration.ts'

export { parseStub } from './stub.ts'
export { callStratos, type StratosAccess } from './call.ts'
export type { ZoneAnswer, ZoneArguments, ZoneMethod, ZoneRequest } from './zone-methods.ts'
export {
  STRATOS_ERROR_NAMES,
  StratosServiceError,
  isStratosError,
  parseRetryAfter,
  type StratosErrorName,
} from './service-error.ts'

export { createAccountDiscovery, type AccountDiscovery } from './account-discovery.ts'
export {
  buildEnrollmentUrl,
  chooseEnrollment,
  fetchEnrollmentServiceDid,
  fetchEnrollmentStatus,
  parseEnrollmentReturn,
  unenroll,
  type EnrollmentReturn,
  type EnrollmentStart,
  type EnrollmentStatus,
  type ServiceChoice,
} from './membership.ts'

export {
  SUBSCRIBE_RECORDS_NSID,
  createStreamTokens,
  subscribeRecords,
  type CursorStore,
  type SubscribeOptions,
} from './stream.ts'
export type { RecordChange, StreamEvent } from './stream-events.ts'
export {
  exportRepo,
  importRepo,
  type ExportOptions,
  type ImportOptions,
  type ImportResult,
} from './archive.ts'
export {
  buildBlobUrl,
  fetchBlob,
  signBlobUrls,
  uploadBlob,
  type FetchBlobOptions,
  type UploadedBlob,
} from './blobs.ts'
