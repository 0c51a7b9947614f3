import type { Config } from '../config/config.ts'
import { AuthorizationServers } from '../identity/authorization-servers.ts'
import { DidDocuments } from '../identity/did-documents.ts'
import { MAX_ALLOW_LIST_BYTES } from '../identity/fetch-allow-list.ts'
import { FetchGate } from '../identity/fetch-gate.ts'
import { Handles } from '../identity/handles.ts'
import { createSafeFetch } from '../identity/safe-fetch.ts'
import { RateByAsker } from '../limits/rate-by-asker.ts'
import { VERSION } from '../version.ts'

const PER_HOST = 4
const MAX_WAITING = 1_000
/** Look-ups that somebody who is nobody yet can cause. */
const LOOKUPS = 20
/** What this service does for its users: sign-in, and writing to their PDSes. */
const FOR_USERS = 64

/** Builds everything that asks other servers. */
export function buildOutbound(config: Config, nowMs: () => number) {
  const { allowPrivateAddresses, plcUrl, handleResolverUrl } = config.identity
  const { contact } = config.service
  const trusted = [plcUrl, ...(handleResolverUrl === null ? [] : [handleResolverUrl])]
  const createFetch = (total: number, maxResponseBytes?: number) =>
    createSafeFetch({
      ...(maxResponseBytes === undefined ? {} : { maxResponseBytes }),
      allowPrivateAddresses,
      userAgent: `Stratos/${VERSION}${contact === '' ? '' : ` (+${contact})`}`,
      gate: new FetchGate({
        total,
        perHost: PER_HOST,
        maxWaiting: MAX_WAITING,
        trustedHosts: new Set(trusted.map((url) => new URL(url).host)),
      }),
    })
  // Apart from each other: whatever strangers make us look up, users' writes are not held up.
  const lookUp = createFetch(LOOKUPS)
  const documents = new DidDocuments({ plcUrl, fetch: lookUp, nowMs })
  return {
    documents,
    handles: new Handles({
      resolverUrl: handleResolverUrl,
      fetch: lookUp,
      documents,
      rate: new RateByAsker(config.limits.handleLookupsPerMinute, nowMs),
      nowMs,
    }),
    issuers: new AuthorizationServers({ documents, fetch: lookUp, nowMs }),
    fetchForUsers: createFetch(FOR_USERS),
    fetchList: createFetch(LOOKUPS, MAX_ALLOW_LIST_BYTES),
  }
}
