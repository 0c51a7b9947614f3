import type { IdResolver } from '@atproto/identity'
import type { Config } from '../config.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import type { ServicePlace } from '../identity/service-place.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import { Announcements } from './announcements.ts'
import { Backfill } from './backfill.ts'
import { Firehose } from './firehose.ts'

interface ProviderParts {
  readonly config: Config
  readonly database: Database
  readonly resolver: IdResolver
  readonly fetch: SafeFetch
  readonly places: () => readonly ServicePlace[]
  readonly metrics: Metrics
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Follows what accounts say on a PDS, or on those that a relay collects from. @returns the firehose, and when it has ended */
export function followProvider(
  provider: string,
  parts: ProviderParts,
): { readonly firehose: Firehose; readonly ended: Promise<unknown> } {
  const announcements = new Announcements({ ...parts, followed: parts.config.services })
  const isFollowing = (): boolean => firehose.isConnected
  const backfill = new Backfill({ ...parts, provider, announcements, isFollowing })
  const onGap = (): Promise<void> => backfill.request()
  const firehose = new Firehose({ ...parts, url: provider, announcements, onGap })
  return { firehose, ended: Promise.all([firehose.run(), backfill.run()]) }
}
