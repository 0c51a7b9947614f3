import { sql, type Kysely } from 'kysely'
import type { Did, Feeds } from 'stratos-core'
import type pg from 'pg'
import type { Logger } from '../logger.ts'
import { POSTGRES } from './dialect.ts'
import { FeedPulse } from './feed-pulse.ts'
import { FeedTail } from './feed-tail.ts'
import { FEED_CHANNEL, NEWS_CHANNEL, PostgresChannel } from './postgres-channel.ts'
import { PostgresSequencer } from './postgres-sequencer.ts'
import type { ServiceTables } from './schema.ts'
import { enrollmentFeed, serviceFeed, trimServiceFeeds } from './service-feed.ts'

/** Somebody here follows the feed of the service, or nobody does; elsewhere somebody might. */
const DELAY_MS = 1
const UNHURRIED_DELAY_MS = 10
const POLL_MS = 1_000

/** The feeds of a service whose instances share a database. */
export async function openPostgresFeeds(options: {
  readonly service: Kysely<ServiceTables>
  readonly connect: () => pg.Client
  readonly logger: Logger
}) {
  const { service, connect, logger } = options
  const pulse = new FeedPulse()
  const listeners: ((did: Did) => void)[] = []
  const hearers: ((message: string) => void)[] = []
  const feed = serviceFeed(service, POSTGRES)
  const tail = new FeedTail({
    feed,
    grown: (name) => pulse.beat(name),
    enrolled: (did) => {
      for (const listener of listeners) listener(did)
    },
  })
  const sequencer = new PostgresSequencer({
    service,
    delayMs: () => (pulse.isWatched('service') ? DELAY_MS : UNHURRIED_DELAY_MS),
    pollMs: POLL_MS,
    looked: () => tail.look(),
    logger,
  })
  const channel = new PostgresChannel({
    connect,
    onNotification: (name, payload) => {
      if (name === FEED_CHANNEL) sequencer.look()
      else for (const hearer of hearers) hearer(payload)
    },
    onGap: () => sequencer.look(),
    logger,
  })
  await tail.look()
  sequencer.start()
  await channel.open()

  const feeds: Feeds = {
    service: feed,
    enrollments: enrollmentFeed(service, POSTGRES),
    watch: (name) => pulse.watch(name),
    enrollmentsChanged: () => notify(FEED_CHANNEL, ''),
    onEnrollment: (listener) => void listeners.push(listener),
    trim: (beforeMs, limit) => trimServiceFeeds(service, POSTGRES, beforeMs, limit),
    tellOthers: (message) => notify(NEWS_CHANNEL, message),
    onTold: (listener) => void hearers.push(listener),
  }
  return {
    feeds,
    grown: (did: Did) => {
      pulse.beat(`repo ${did}`)
      sequencer.note()
    },
    close: async () => {
      await channel.close()
      await sequencer.close()
    },
  }

  function notify(name: string, payload: string): void {
    sql`select pg_notify(${name}, ${payload})`
      .execute(service)
      .catch((err: unknown) => logger.warn({ err }, 'other instances could not be told'))
  }
}
