import { expressionBuilder, type Expression, type Kysely, type SqlBool } from 'kysely'
import {
  ANY_TAG,
  type EventIndex,
  type EventLog,
  type EventPage,
  type EventQuery,
  type IndexedEvent,
  type LoggedEvent,
} from 'stratos-core'
import type { DialectTraits } from './dialect.ts'
import { pages, pieces } from './pages.ts'
import type { FeedTables } from './schema.ts'
import { Statements, type Values } from './statements.ts'
import { together } from './transaction.ts'

const NO_INDEX: EventIndex = { tags: [], contentBytes: 0 }
/** How far a query looks for what it selects, so that no statement takes long. */
const MAX_SCAN = 10_000

/** An event before it has its number. */
export interface NewEvent {
  readonly body: Uint8Array
  readonly atMs: number
  readonly index: EventIndex
}

/** One feed in the `feed` and `event` tables of a database. */
export class SqlEventLog implements EventLog {
  readonly #db: Kysely<FeedTables>
  readonly #feed: string
  readonly #traits: DialectTraits
  readonly #statements: Statements

  constructor(db: Kysely<FeedTables>, feed: string, traits: DialectTraits, statements = new Statements()) {
    this.#db = db
    this.#feed = feed
    this.#traits = traits
    this.#statements = statements
  }

  async append(body: Uint8Array, atMs: number, index: EventIndex = NO_INDEX): Promise<number> {
    const db = this.#db
    const [, { rows }] = await together([
      this.#raise(1),
      this.#statements.run(db, 'add event', this.#rowOf({ body, atMs, index }), (event) =>
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

  /** Appends many in one go; only within a transaction. @returns the `seq` of the last one */
  async appendAll(events: readonly NewEvent[]): Promise<number> {
    const last = await this.#raise(events.length)
    const first = last - events.length + 1
    const rows = events.map((event, position) => ({ ...this.#rowOf(event), seq: first + position }))
    const db = this.#db
    await together(
      pieces(rows).map((piece) =>
        this.#statements.run(db, 'add events', piece, (added) => db.insertInto('event').values(added)),
      ),
    )
    return last
  }

  async continueAfter(seq: number): Promise<void> {
    await this.#db
      .insertInto('feed')
      .values({ feed: this.#feed, last_seq: seq })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
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
    return rows.map(toLoggedEvent)
  }

  async page(after: number, { limit, maxBytes, tagged }: EventQuery): Promise<EventPage> {
    const selective = tagged.length > 0
    // Before the events: whatever is not among them up to here is not selected.
    const latest = selective ? await this.latestSeq() : after
    const range = {
      feed: this.#feed,
      after,
      end: selective ? after + MAX_SCAN : Number.MAX_SAFE_INTEGER,
      tagged: tagged.map((tags) => tags.map((tag) => formatTags([tag]))),
    }
    const found = await this.#heads(range, limit)
    const taken = withinBytes(found, maxBytes)
    const last = taken.at(-1)?.seq
    const full = taken.length < found.length || found.length === limit
    const upTo = full || !selective ? (last ?? after) : Math.max(last ?? after, Math.min(range.end, latest))
    if (last === undefined) return { events: [], upTo, more: selective && upTo < latest }
    return {
      events: await this.#bodies({ ...range, end: last }),
      upTo,
      more: full || (selective && upTo < latest),
    }
  }

  async findMany(seqs: readonly number[]): Promise<LoggedEvent[]> {
    const found = await together(
      pages(seqs).map((page) =>
        this.#db
          .selectFrom('event')
          .select(['seq', 'at_ms', 'body'])
          .where('feed', '=', this.#feed)
          .where('seq', 'in', page)
          .orderBy('seq')
          .execute(),
      ),
    )
    return found.flat().map(toLoggedEvent)
  }

  async listIndex(after: number, limit: number): Promise<IndexedEvent[]> {
    const rows = await this.#db
      .selectFrom('event')
      .select(['seq', 'at_ms', 'tags', 'weight'])
      .where('feed', '=', this.#feed)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(limit)
      .execute()
    return rows.map(({ seq, at_ms: atMs, tags, weight }) => ({
      seq,
      atMs,
      tags: parseTags(tags),
      contentBytes: weight,
    }))
  }

  async latestSeq(): Promise<number> {
    const row = await this.#db
      .selectFrom('feed')
      .select('last_seq')
      .where('feed', '=', this.#feed)
      .executeTakeFirst()
    return row?.last_seq ?? 0
  }

  async oldestSeq(): Promise<number> {
    // The latest first: an event that comes in between is not the oldest, unless there was none.
    const latest = await this.latestSeq()
    const row = await this.#db
      .selectFrom('event')
      .select('seq')
      .where('feed', '=', this.#feed)
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst()
    return row?.seq ?? latest + 1
  }

  async trim(beforeMs: number, limit: number): Promise<number> {
    const oldest = await this.#db
      .selectFrom('event')
      .select(['seq', 'at_ms'])
      .where('feed', '=', this.#feed)
      .orderBy('seq')
      .limit(limit)
      .execute()
    // Only from the beginning: what is kept must not have gaps, whatever the clock did.
    const stays = oldest.findIndex(({ at_ms: atMs }) => atMs >= beforeMs)
    const gone = stays === -1 ? oldest : oldest.slice(0, stays)
    const last = gone.at(-1)
    if (last === undefined) return 0
    await this.#db.deleteFrom('event').where('feed', '=', this.#feed).where('seq', '<=', last.seq).execute()
    return gone.length
  }

  /** Locks the feed's row until the transaction ends, so numbers become visible in order. */
  async #raise(by: number): Promise<number> {
    const db = this.#db
    const { rows } = await this.#statements.run(db, 'take seqs', { feed: this.#feed, by }, ({ feed, by }) =>
      db
        .insertInto('feed')
        .values({ feed, last_seq: by })
        .onConflict((conflict) =>
          conflict.column('feed').doUpdateSet((eb) => ({ last_seq: eb('feed.last_seq', '+', by) })),
        )
        .returning('last_seq'),
    )
    const [feed] = rows
    if (feed === undefined) throw new Error('a feed was not raised')
    return feed.last_seq
  }

  #rowOf({ body, atMs, index }: NewEvent) {
    const weight = body.byteLength + index.contentBytes
    return { feed: this.#feed, at_ms: atMs, body, tags: formatTags(index.tags), weight }
  }

  async #heads(range: SeqRange, limit: number): Promise<{ seq: number; weight: number }[]> {
    const db = this.#db
    const { rows } = await this.#statements.run(
      db,
      'heads of events',
      { ...range, limit },
      ({ limit, ...range }) =>
        db
          .selectFrom('event')
          .select(['seq', 'weight'])
          .where(this.#within(range))
          .orderBy('seq')
          .limit(limit),
    )
    return rows
  }

  async #bodies(range: SeqRange): Promise<LoggedEvent[]> {
    const db = this.#db
    const { rows } = await this.#statements.run(db, 'bodies of events', range, (range) =>
      db.selectFrom('event').select(['seq', 'at_ms', 'body']).where(this.#within(range)).orderBy('seq'),
    )
    return rows.map(toLoggedEvent)
  }

  #within({ feed, after, end, tagged }: SeqRange): Expression<SqlBool> {
    const eb = expressionBuilder<FeedTables, 'event'>()
    const has = (text: string) => eb(eb.fn<number>(this.#traits.positionOf, ['tags', eb.val(text)]), '>', 0)
    const range = [eb('feed', '=', feed), eb('seq', '>', after), eb('seq', '<=', end)]
    if (tagged.length === 0) return eb.and(range)
    const selected = eb.and(tagged.map((tags) => eb.or(tags.map(has))))
    return eb.and([...range, eb.or([has(formatTags([ANY_TAG])), selected])])
  }
}

/** Events of a feed after one and up to another, with one of the tags of each list; tags as they are stored. */
interface SeqRange {
  readonly feed: string
  readonly after: number
  readonly end: number
  readonly tagged: readonly (readonly string[])[]
  readonly [name: string]: Values
}

/** Words between spaces, so that each can be found as a whole. */
export function formatTags(tags: readonly string[]): string {
  return tags.length === 0 ? '' : ` ${tags.join(' ')} `
}

export function parseTags(text: string): string[] {
  return text.split(' ').filter((tag) => tag !== '')
}

function toLoggedEvent({ seq, at_ms: atMs, body }: { seq: number; at_ms: number; body: Uint8Array }) {
  return { seq, atMs, body }
}

/** The first row whatever its size, and further ones as long as they fit. */
function withinBytes<R extends { readonly weight: number }>(
  rows: readonly R[],
  maxBytes: number,
): readonly R[] {
  let total = 0
  const end = rows.findIndex(({ weight }, position) => {
    total += weight
    return position > 0 && total > maxBytes
  })
  return end === -1 ? rows : rows.slice(0, end)
}
