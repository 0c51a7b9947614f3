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

export { fetchServiceDid } from './service-identity.ts'
export {
  createStratosAgent,
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
  type CollectionAction,
  type StratosScopes,
  type StratosScopesOptions,
} from './scopes.ts'

export { resolveDidDocument, type DidDocument, type ResolveDidOptions } from './did-document.ts'
export {
  resolveServiceSigningKey,
  resolveUserSigningKey,
  verifyEnrollment,
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

export { callStratos, type StratosAccess } from './call.ts'
export type { ZoneAnswer, ZoneArguments, ZoneMethod, ZoneRequest } from './zone-methods.ts'
export {
  STRATOS_ERROR_NAMES,
  StratosServiceError,
  isStratosError,
  parseRetryAfter,
  type StratosErrorName,
} from './service-error.ts'
