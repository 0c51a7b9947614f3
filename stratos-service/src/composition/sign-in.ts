import type { Request } from 'express'
import { parseNsid, type Did, type Nsid } from 'stratos-core'
import type { Authenticator } from '../auth/authenticate.ts'
import type { Config } from '../config/config.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import { networkOf } from '../limits/network-of.ts'
import { RateByAsker } from '../limits/rate-by-asker.ts'
import type { Logger } from '../logger.ts'
import { accountRoutes, type AccountRoutesOptions } from '../oauth/account-routes.ts'
import { loadClientKey } from '../oauth/client-key.ts'
import { callbackOrigin, clientMetadata, createOauthClient, oauthScope } from '../oauth/client.ts'
import { oauthRoutes, type OauthRoutesOptions } from '../oauth/routes.ts'
import type { Storage } from '../stores/open-storage.ts'

const ENROLLMENT_COLLECTION = parseNsid('zone.stratos.actor.enrollment')

/** Builds this service as a client of users' authorization servers. */
export async function buildOauthClient(
  config: Config,
  storage: Pick<Storage, 'oauthStates' | 'oauthSessions' | 'sharedLock' | 'clientKey'>,
  parts: { readonly fetch: SafeFetch; readonly stubCollections: ReadonlySet<Nsid> },
) {
  const { service, oauth, identity } = config
  const settings = {
    publicUrl: service.publicUrl,
    loopback: service.loopback && !service.secure,
    branding: oauth.branding,
    key: oauth.isConfidential ? await loadClientKey(storage.clientKey) : null,
    collections: [ENROLLMENT_COLLECTION, ...parts.stubCollections],
  }
  const client = createOauthClient({
    ...settings,
    plcUrl: identity.plcUrl,
    handleResolverUrl: identity.handleResolverUrl,
    allowHttp: identity.allowPrivateAddresses,
    fetch: parts.fetch,
    stateStore: storage.oauthStates,
    sessionStore: storage.oauthSessions,
    lock: storage.sharedLock,
  })
  return { client, metadata: clientMetadata(settings), scope: oauthScope(settings.collections) }
}

export interface SignInParts {
  readonly oauth: Awaited<ReturnType<typeof buildOauthClient>>
  readonly storage: Pick<Storage, 'oauthStates' | 'oauthSessions'>
  readonly auth: Authenticator
  readonly addressOf: (req: Request) => string
  readonly enrollments: AccountRoutesOptions['enrollments']
  readonly enroll: OauthRoutesOptions['enroll']
  readonly needsSession: OauthRoutesOptions['needsSession']
  readonly unenroll: (did: Did) => Promise<void>
  readonly nowMs: () => number
  readonly logger: Logger
}

/** Builds the pages under `/oauth`. */
export function buildOauthRoutes(config: Config, parts: SignInParts) {
  const { service } = config
  const { oauth, storage, auth, addressOf, enrollments, enroll, needsSession, unenroll, logger } = parts
  const begun = new RateByAsker(config.limits.authorizePerMinute, parts.nowMs)
  return oauthRoutes({
    oauth: oauth.client,
    states: storage.oauthStates,
    scope: oauth.scope,
    returns: { ...service, allowedOrigins: config.enrollment.redirectOrigins },
    secure: service.secure,
    callbackOrigin: callbackOrigin(service.publicUrl),
    enroll,
    needsSession,
    charge: (req) => begun.charge(networkOf(addressOf(req))),
    account: accountRoutes({
      auth,
      addressOf,
      enrollments,
      hasPdsSession: async (did) => (await storage.oauthSessions.get(did)) !== undefined,
      unenroll,
      logger,
    }),
    logger,
  })
}
