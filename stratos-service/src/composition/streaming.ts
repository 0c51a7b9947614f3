import type { IncomingMessage } from 'node:http'
import type { Did } from 'stratos-core'
import type { AccessChange, AccessChanges } from '../auth/access-changes.ts'
import type { Authenticator } from '../auth/authenticate.ts'
import type { SessionKeys } from '../auth/session-key.ts'
import { StreamAccess } from '../auth/stream-access.ts'
import { StreamCredentials } from '../auth/stream-credentials.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../logger.ts'
import { Retention } from '../operations/retention.ts'
import type { Storage } from '../stores/open-storage.ts'
import { eventSourceEncoding } from '../stream/event-source-encoding.ts'
import { frameEncoding } from '../stream/frame-encoding.ts'
import { LiveFeeds } from '../stream/live-feeds.ts'
import { OpenStreams } from '../stream/open-streams.ts'
import { StreamEndpoint } from '../xrpc/stream-endpoint.ts'
import type { SubscriptionRoute } from '../xrpc/subscription.ts'

export interface StreamingOptions {
  readonly config: Pick<Config, 'service' | 'access' | 'streams'>
  readonly storage: Pick<Storage, 'actors' | 'enrollments' | 'feeds' | 'memberships'>
  readonly auth: Authenticator
  readonly sessions: SessionKeys
  readonly accessChanges: AccessChanges
  readonly routes: readonly SubscriptionRoute[]
  readonly addressOf: (req: IncomingMessage) => string
  readonly nowMs: () => number
  readonly logger: Logger
}

/** Builds everything that serves streams. */
export function composeStreaming(options: StreamingOptions) {
  const { config, storage, auth, sessions, accessChanges, routes, addressOf, nowMs, logger } = options
  const { feeds, memberships } = storage
  const streams = new OpenStreams({ limits: config.streams, live: new LiveFeeds({ feeds, nowMs }), logger })
  memberships.onChange((did) => {
    feeds.enrollmentsChanged()
    accessChanges.raise({ did })
  })
  accessChanges.onChange((change) => {
    streams.accessChanged(change)
    feeds.tellOthers(JSON.stringify(change))
  })
  feeds.onTold((message) => {
    const change = JSON.parse(message) as AccessChange
    sessions.forget(change)
    if ('did' in change) memberships.drop(change.did)
    streams.accessChanged(change)
  })
  feeds.onEnrollment((did) => {
    memberships.drop(did)
    streams.accessChanged({ did })
  })
  const services = new Set<Did>(config.access.appviews)
  // Whoever knows the operator's secret stands for the service itself.
  if (config.streams.syncToken !== null) services.add(config.service.did)
  const { publicUrl } = config.service
  const endpoint = new StreamEndpoint({
    routes,
    credentials: new StreamCredentials({
      auth,
      secret: config.streams.syncToken,
      serviceDid: config.service.did,
    }),
    access: new StreamAccess({ memberships, sessions, isService: (did) => services.has(did) }),
    streams,
    encodings: { frames: frameEncoding(publicUrl), eventSource: eventSourceEncoding(publicUrl) },
    addressOf,
    logger,
  })
  const { retentionMs } = config.streams
  const retention =
    retentionMs === null
      ? null
      : new Retention({
          ...storage,
          keepMs: retentionMs,
          nowMs,
          onError: (err) => logger.error({ err }, 'old events could not be forgotten'),
        })
  return { endpoint, streams, retention }
}
