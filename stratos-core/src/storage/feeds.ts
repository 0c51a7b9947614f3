import type { Did } from '../ids.ts'
import type { EventLog, EventQuery } from './event-log.ts'

/** A list of events that somebody can follow: all of the service, its enrollments, or the commits of one repo. */
export type FeedName = 'service' | 'enrollment' | `repo ${Did}`

/** Notices that a feed has grown. To be closed when nobody follows any more. */
export interface FeedWatch {
  /** Rises whenever there may be something new. To be noted before reading, or an event in between goes unnoticed. */
  readonly version: number
  /** Resolves once the version is another one than `version`, or `signal` aborts. */
  changedSince(version: number, signal: AbortSignal): Promise<void>
  close(): void
}

/** An account has enrolled or gone, or holds other boundaries than before, which is an `enroll` too. */
export interface EnrollmentEntry {
  readonly kind: 'enrollment'
  readonly seq: number
  readonly atMs: number
  readonly did: Did
  readonly action: 'enroll' | 'unenroll'
  /** Those that the account holds from then on. */
  readonly boundaries: readonly string[]
}

/** Names a commit, which is told in the feed of its repo. */
export interface CommitEntry {
  readonly kind: 'commit'
  readonly seq: number
  readonly atMs: number
  readonly did: Did
  readonly repoSeq: number
}

export type ServiceEntry = EnrollmentEntry | CommitEntry

export interface EntryPage<E> {
  readonly entries: readonly E[]
  /** As in `EventPage`. */
  readonly upTo: number
  readonly more: boolean
}

/** One of the feeds of the service, as its followers read it. */
export interface EntryFeed<E> extends Pick<EventLog, 'latestSeq' | 'oldestSeq'> {
  page(after: number, query: EventQuery): Promise<EntryPage<E>>
}

/**
 * The feeds of the service as a whole, and the news of every feed's growth, from other instances too.
 *
 * The feed of the service names each commit and holds each change of an enrollment, in one order. Commits get their place
 * there moments after they are durable.
 */
export interface Feeds {
  readonly service: EntryFeed<ServiceEntry>
  readonly enrollments: EntryFeed<EnrollmentEntry>
  watch(feed: FeedName): FeedWatch
  /** To be called after a change of an enrollment is durable; other instances would notice it a second later anyway. */
  enrollmentsChanged(): void
  /** Calls back for every change of an enrollment, also by another instance, and then perhaps late. */
  onEnrollment(listener: (did: Did) => void): void
  /** Forgets events of the whole service, a batch at a time. @returns how many went; 0 when nothing is left to do */
  trim(beforeMs: number, limit: number): Promise<number>
  /** Tells other instances something that they would notice by themselves, only later. */
  tellOthers(message: string): void
  /** Calls back with what other instances tell. */
  onTold(listener: (message: string) => void): void
}
