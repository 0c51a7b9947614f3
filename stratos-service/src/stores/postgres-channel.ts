import type pg from 'pg'
import type { Logger } from '../logger.ts'

/** Raised when an instance has given commits their places in the feed of the service. */
export const FEED_CHANNEL = 'stratos_feed'
/** Carries what instances tell each other. */
export const NEWS_CHANNEL = 'stratos_news'

const RECONNECT_MS = 1_000

export interface PostgresChannelOptions {
  /** A connection of its own, not yet connected. */
  readonly connect: () => pg.Client
  readonly onNotification: (channel: string, payload: string) => void
  /** Called whenever notifications may have been missed. */
  readonly onGap: () => void
  readonly logger: Logger
}

/**
 * Hears notifications of the database, and connects again when it cannot. They are hints: whoever relies on them must look
 * from time to time all the same.
 */
export class PostgresChannel {
  readonly #options: PostgresChannelOptions
  #client: pg.Client | null = null
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: PostgresChannelOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { connect, onNotification, onGap, logger } = this.#options
    const client = connect()
    this.#client = client
    let lost = false
    const onLost = (err?: unknown) => {
      if (lost || this.#closed) return
      lost = true
      if (err !== undefined) logger.warn({ err }, 'notifications of Postgres are interrupted')
      client.end().catch(() => undefined)
      this.#timer = setTimeout(() => void this.open(), RECONNECT_MS)
    }
    client.on('error', onLost)
    client.on('end', () => onLost())
    client.on('notification', ({ channel, payload }) => onNotification(channel, payload ?? ''))
    try {
      await client.connect()
      await client.query(`listen ${FEED_CHANNEL}`)
      await client.query(`listen ${NEWS_CHANNEL}`)
      onGap()
    } catch (err) {
      onLost(err)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#client?.end().catch(() => undefined)
  }
}
