import type { RequestListener } from 'node:http'
import type { IdResolver } from '@atproto/identity'
import type { ApiSettings } from '../config.ts'
import type { OwnIdentity } from '../identity/own-identity.ts'
import type { ServicePlace } from '../identity/service-place.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import { allowOrigins } from './cors.ts'
import { Memberships } from './memberships.ts'
import { RequestRate } from './request-rate.ts'
import { prepareSearch } from './search.ts'
import { createAppview } from './server.ts'
import { SigningKeys } from './signing-keys.ts'
import { ViewerTokens } from './viewer-tokens.ts'

interface AppviewParts {
  readonly database: Database
  readonly identity: OwnIdentity
  readonly resolver: Pick<IdResolver, 'did'>
  readonly places: () => readonly ServicePlace[]
  readonly metrics: Metrics
  readonly logger: Logger
}

/** Puts the read API together. @returns what answers `/xrpc/*` */
export async function openAppview(settings: ApiSettings, parts: AppviewParts): Promise<RequestListener> {
  const { database, identity, resolver, places, metrics, logger } = parts
  await prepareSearch(database, settings.searchBoundaries)
  const keys = new SigningKeys({ db: database.db, resolver, nowMs: Date.now })
  const { router } = createAppview({
    database,
    memberships: new Memberships({
      db: database.db,
      services: () => new Map(places().map(({ did, url }) => [did, url])),
      serviceToken: (audience, method) => identity.signToken(audience, method),
      fetch,
      nowMs: Date.now,
      onFailure: (service, err) => logger.warn({ err, service }, 'a service does not say who is a member'),
    }),
    tokens: new ViewerTokens({
      did: identity.did,
      signingKey: (did, anew) => keys.find(did, anew),
      nowMs: Date.now,
    }),
    rate: new RequestRate(settings.requestsPerMinute, Date.now),
    metrics,
    logger,
  })
  return allowOrigins(router)
}
