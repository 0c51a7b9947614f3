import type { Kysely } from 'kysely'
import type { Did, Feeds, IndexedEvent } from 'stratos-core'
import type { Logger } from '../logger.ts'
import { SQLITE } from './dialect.ts'
import { FeedPulse } from './feed-pulse.ts'
import type { ServiceTables } from './schema.ts'
import { enrollmentFeed, serviceFeed, trimServiceFeeds } from './service-feed.ts'
import { SqliteSequencer } from './sqlite-sequencer.ts'

/** Somebody follows the feed of the service, or nobody does and commits can wait for company. */
const DELAY_MS = 1
const UNHURRIED_DELAY_MS = 200

/** The feeds of a service that is one process. */
export function openSqliteFeeds(options: {
  readonly service: Kysely<ServiceTables>
  /** Events of an actor's own feed; null if there is no such actor any more. */
  readonly readEvents: (did: Did, after: number, limit: number) => Promise<readonly IndexedEvent[] | null>
  /** The actor's number; null as above. */
  readonly findNumber: (did: Did) => Promise<number | null>
  readonly logger: Logger
  readonly nowMs: () => number
}) {
  const { service } = options
  const pulse = new FeedPulse()
  const sequencer = new SqliteSequencer({
    ...options,
    delayMs: () => (pulse.isWatched('service') ? DELAY_MS : UNHURRIED_DELAY_MS),
    sequenced: () => pulse.beat('service'),
  })
  const feeds: Feeds = {
    service: serviceFeed(service, SQLITE),
    enrollments: enrollmentFeed(service, SQLITE),
    watch: (name) => pulse.watch(name),
    enrollmentsChanged: () => {
      pulse.beat('enrollment')
      pulse.beat('service')
    },
    onEnrollment: () => undefined,
    trim: (beforeMs, limit) => trimServiceFeeds(service, SQLITE, beforeMs, limit),
    // There are no others.
    tellOthers: () => undefined,
    onTold: () => undefined,
  }
  return { feeds, sequencer, grown: (did: Did) => pulse.beat(`repo ${did}`) }
}
