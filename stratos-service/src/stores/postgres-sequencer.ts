import { sql, type Kysely } from 'kysely'
import type { Logger } from '../logger.ts'
import { POSTGRES } from './dialect.ts'
import { SERVICE_FEED } from './feed-names.ts'
import { FEED_CHANNEL } from './postgres-channel.ts'
import { parseTags } from './event-log.ts'
import { padded } from './pages.ts'
import type { ServiceTables } from './schema.ts'
import { commitEntry, serviceLog } from './service-feed.ts'
import { Statements } from './statements.ts'
import { inTransaction, together } from './transaction.ts'

const BATCH = 500

export interface PostgresSequencerOptions {
  /** Tables of the service. */
  readonly service: Kysely<ServiceTables>
  /** How long commits may wait for others, so that many share one transaction. */
  readonly delayMs: () => number
  /** How often to look for commits of instances that did not live to do it themselves. */
  readonly pollMs: number
  /** Called after each look, whether there was something or not. */
  readonly looked: () => Promise<void>
  readonly logger: Logger
}

/**
 * Gives commits their places in the feed of the service. A commit leaves a row in an inbox, in its own transaction; any
 * instance moves rows from there to the feed, many at a time, under a lock on the feed. So the feed has no gaps and never
 * grows but at its end, however long transactions take, and writers do not wait for each other.
 */
export class PostgresSequencer {
  readonly #options: PostgresSequencerOptions
  readonly #statements = new Statements()
  #timer: NodeJS.Timeout | null = null
  #poll: NodeJS.Timeout | null = null
  #running: Promise<void> | null = null
  #again = false
  #closed = false

  constructor(options: PostgresSequencerOptions) {
    this.#options = options
  }

  start(): void {
    this.#poll = setInterval(() => this.look(), this.#options.pollMs)
    this.#poll.unref()
    this.look()
  }

  /** To be called when a commit is durable. */
  note(): void {
    if (this.#timer !== null || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.look()
    }, this.#options.delayMs())
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#poll !== null) clearInterval(this.#poll)
    this.look()
    this.#closed = true
    await this.#running
  }

  /** Looks at once for what waits. One at a time; who asks meanwhile gets another one afterwards. */
  look(): void {
    if (this.#closed) return
    if (this.#running !== null) {
      this.#again = true
      return
    }
    this.#running = this.#work().finally(() => {
      this.#running = null
      if (!this.#again) return
      this.#again = false
      this.look()
    })
  }

  async #work(): Promise<void> {
    try {
      while (await this.#moveBatch()) {
        // There was a whole batch; there may be more.
      }
      await this.#options.looked()
    } catch (err) {
      this.#options.logger.warn({ err }, 'the feed of the service cannot be written')
    }
  }

  async #dropFromInbox(trx: Kysely<ServiceTables>, rows: readonly { readonly id: number }[]): Promise<void> {
    const ids = padded(rows.map(({ id }) => id))
    await this.#statements.run(trx, 'drop from inbox', { ids }, (dropped) =>
      trx.deleteFrom('feed_inbox').where('id', 'in', dropped.ids),
    )
  }

  /** @returns whether there may be more */
  async #moveBatch(): Promise<boolean> {
    const { service } = this.#options
    // Looked at first without a lock: mostly there is nothing.
    const waiting = await service.selectFrom('feed_inbox').select('id').limit(1).executeTakeFirst()
    if (waiting === undefined) return false
    return inTransaction(service, async (trx) => {
      const [, rows] = await together([
        lockFeed(trx),
        trx.selectFrom('feed_inbox').selectAll().orderBy('id').limit(BATCH).execute(),
      ])
      if (rows.length === 0) return false
      const events = rows.map(({ repo, seq, at_ms: atMs, tags, weight }) =>
        commitEntry(repo, { seq, atMs, tags: parseTags(tags), contentBytes: weight }),
      )
      await together([
        serviceLog(trx, POSTGRES, this.#statements).appendAll(events),
        this.#dropFromInbox(trx, rows),
        sql`select pg_notify(${FEED_CHANNEL}, '')`.execute(trx),
      ])
      return rows.length === BATCH
    })
  }
}

/** Waits for whoever holds the feed; what they have moved is gone from the inbox when the next statement looks. */
async function lockFeed(trx: Kysely<ServiceTables>): Promise<void> {
  await trx
    .insertInto('feed')
    .values({ feed: SERVICE_FEED, last_seq: 0 })
    .onConflict((conflict) =>
      conflict.column('feed').doUpdateSet((eb) => ({ last_seq: eb.ref('feed.last_seq') })),
    )
    .execute()
}
