import type { Kysely } from 'kysely'
import type { EventLog, LoggedEvent } from 'stratos-core'
import type { FeedTables } from './schema.ts'
import { Statements } from './statements.ts'
import { together } from './transaction.ts'

/** One feed in the `feed` and `event` tables of a database. */
export class SqlEventLog implements EventLog {
  readonly #db: Kysely<FeedTables>
  readonly #feed: string
  readonly #statements: Statements

  constructor(db: Kysely<FeedTables>, feed: string, statements = new Statements()) {
    this.#db = db
    this.#feed = feed
    this.#statements = statements
  }

  async append(body: Uint8Array, atMs: number): Promise<number> {
    const [db, feed] = [this.#db, this.#feed]
    const [, { rows }] = await together([
      // Locks the feed's row until the transaction ends, so numbers become visible in order.
      this.#statements.run(db, 'take seq', feed, (feed) =>
        db
          .insertInto('feed')
          .values({ feed, last_seq: 1 })
          .onConflict((conflict) =>
            conflict.column('feed').doUpdateSet((eb) => ({ last_seq: eb('feed.last_seq', '+', 1) })),
          ),
      ),
      this.#statements.run(db, 'add event', { feed, at_ms: atMs, body }, (event) =>
        db
          .insertInto('event')
          .values((eb) => ({
            ...event,
            seq: eb.selectFrom('feed').select('last_seq').where('feed', '=', event.feed),
          }))
          .returning('seq'),
      ),
    ])
    const [event] = rows
    if (event === undefined) throw new Error('an event was not stored')
    return event.seq
  }

  async listAfter(after: number, limit: number): Promise<LoggedEvent[]> {
    const rows = await this.#db
      .selectFrom('event')
      .select(['seq', 'at_ms', 'body'])
      .where('feed', '=', this.#feed)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(limit)
      .execute()
    return rows.map(({ seq, at_ms: atMs, body }) => ({ seq, atMs, body }))
  }

  async latestSeq(): Promise<number> {
    const row = await this.#db
      .selectFrom('feed')
      .select('last_seq')
      .where('feed', '=', this.#feed)
      .executeTakeFirst()
    return row?.last_seq ?? 0
  }
}
