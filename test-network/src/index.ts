export type { Account } from './accounts.ts'
export { authorize, followSignIn, refuse, type Credentials } from './authorize.ts'
export { CHROMIUM } from './chromium.ts'
export { CookieJar } from './cookie-jar.ts'
export { enroll, type EnrollmentSite } from './enrollment.ts'
export { reserveFreePorts, type ReservedPort } from './free-port.ts'
export type { IndexerProcess } from './indexer-process.ts'
export { startNetwork, type Instance, type Network, type NetworkOptions } from './network.ts'
export { createLoopbackClient, MemoryStore, openOAuthSession, type SignedIn } from './oauth-session.ts'
export { createDatabase, startPostgres, type PostgresOptions, type PostgresServer } from './postgres.ts'
export { startPlcAndPds, type PlcAndPds, type PlcAndPdsOptions } from './plc-and-pds.ts'
export { BOUNDARY_NAMES } from './service-process.ts'
export { waitUntil } from './wait-until.ts'
export {
  ProofClient,
  sendRequest,
  serviceJwt,
  type Answer,
  type CallOptions,
  type ProofOverrides,
} from './proof-client.ts'
