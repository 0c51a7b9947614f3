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
  type PdsAccess,
} from './discovery.ts'
export type { ServiceAttestation, StratosEnrollment } from './enrollment.ts'
export { boundariesOf, parseBoundary, type Boundary, type BoundaryParts } from 'stratos-core'

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
