import { decode, encode } from '@atproto/lex-cbor'
import type { LexMap } from '@atproto/lex-data'
import type { Kysely } from 'kysely'
import type {
  CommitEntry,
  EnrollmentEntry,
  EntryFeed,
  EntryPage,
  EventQuery,
  IndexedEvent,
  LoggedEvent,
  ServiceEntry,
} from 'stratos-core'
import { ActorNames } from './actor-names.ts'
import type { DialectTraits } from './dialect.ts'
import type { EnrollmentEvent } from './enrollment-event.ts'
import { SqlEventLog, type NewEvent } from './event-log.ts'
import { ENROLLMENT_FEED, SERVICE_FEED } from './feed-names.ts'
import type { ServiceTables } from './schema.ts'
import type { Statements } from './statements.ts'
import { inTransaction } from './transaction.ts'

/** The feed in which every commit and every change of an enrollment has its place. */
export function serviceFeed(db: Kysely<ServiceTables>, traits: DialectTraits): EntryFeed<ServiceEntry> {
  const names = new ActorNames(db)
  return entries(serviceLog(db, traits), async (events) => {
    const parsed = events.map(parseServiceEvent)
    const dids = await names.findMany(parsed.flatMap((event) => ('repo' in event ? [event.repo] : [])))
    return parsed.flatMap((event) => {
      if (!('repo' in event)) return event
      const { repo, ...commit } = event
      const did = dids.get(repo)
      // Nothing is told of an actor who is gone but that they went.
      return did === undefined ? [] : { ...commit, did }
    })
  })
}

export function enrollmentFeed(db: Kysely<ServiceTables>, traits: DialectTraits): EntryFeed<EnrollmentEntry> {
  return entries(enrollmentLog(db, traits), async (events) => events.map(toEnrollmentEntry))
}

export function serviceLog(
  db: Kysely<ServiceTables>,
  traits: DialectTraits,
  statements?: Statements,
): SqlEventLog {
  return new SqlEventLog(db.$pickTables<'feed' | 'event'>(), SERVICE_FEED, traits, statements)
}

export function enrollmentLog(db: Kysely<ServiceTables>, traits: DialectTraits): SqlEventLog {
  return new SqlEventLog(db.$pickTables<'feed' | 'event'>(), ENROLLMENT_FEED, traits)
}

/** Forgets old events of both feeds, a batch at a time. @returns how many went */
export async function trimServiceFeeds(
  db: Kysely<ServiceTables>,
  traits: DialectTraits,
  beforeMs: number,
  limit: number,
): Promise<number> {
  let gone = 0
  for (const log of [serviceLog, enrollmentLog]) {
    gone += await inTransaction(db, (trx) => log(trx, traits).trim(beforeMs, limit))
  }
  return gone
}

/**
 * The place that a commit gets in the feed of the service. What it was about is told in the repo's own feed alone, and
 * whose it is only as long as there is such an actor.
 */
export function commitEntry(repo: number, { seq, atMs, tags, contentBytes }: IndexedEvent): NewEvent {
  return { body: encode({ repo, repoSeq: seq }), atMs, index: { tags, contentBytes } }
}

function entries<E>(log: SqlEventLog, parse: (events: readonly LoggedEvent[]) => Promise<E[]>): EntryFeed<E> {
  return {
    latestSeq: () => log.latestSeq(),
    oldestSeq: () => log.oldestSeq(),
    page: async (after: number, query: EventQuery): Promise<EntryPage<E>> => {
      const { events, upTo, more } = await log.page(after, query)
      return { entries: await parse(events), upTo, more }
    },
  }
}

function parseServiceEvent(
  event: LoggedEvent,
): EnrollmentEntry | (Omit<CommitEntry, 'did'> & { readonly repo: number }) {
  const { repo, repoSeq } = decode<LexMap & { repo?: number; repoSeq?: number }>(event.body)
  if (repo === undefined || repoSeq === undefined) return toEnrollmentEntry(event)
  return { kind: 'commit', seq: event.seq, atMs: event.atMs, repo, repoSeq }
}

function toEnrollmentEntry({ seq, atMs, body }: LoggedEvent): EnrollmentEntry {
  const { did, action, boundaries } = decode<LexMap & EnrollmentEvent & { boundaries: string[] }>(body)
  return { kind: 'enrollment', seq, atMs, did, action, boundaries }
}
