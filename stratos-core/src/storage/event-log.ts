/** One entry of a feed. */
export interface LoggedEvent {
  /** Gapless and ascending within its feed, for ever. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** DAG-CBOR; its shape belongs to the feed. */
  readonly body: Uint8Array
}

/** What a feed knows of an event without looking into it. */
export interface EventIndex {
  /** Words that the event can be selected by, without spaces. `ANY_TAG` is selected by every query. */
  readonly tags: readonly string[]
  /** How many bytes a reader has to fetch elsewhere to tell the event, such as those of records. */
  readonly contentBytes: number
}

export interface IndexedEvent extends EventIndex {
  readonly seq: number
  readonly atMs: number
}

/** Carried by events that no selection leaves out. */
export const ANY_TAG = '*'

/** What a follower reads at a time. */
export interface EventQuery {
  readonly limit: number
  /** Body and content bytes of a page; its first event may be larger. */
  readonly maxBytes: number
  /** An event is selected if it carries a tag of each list; without lists, every event is. */
  readonly tagged: readonly (readonly string[])[]
}

export interface EventPage {
  readonly events: readonly LoggedEvent[]
  /** Where to continue: everything up to here is on this page, or was not selected. */
  readonly upTo: number
  /** Whether there is more to read already. */
  readonly more: boolean
}

/** One ordered feed of events. */
export interface EventLog {
  /**
   * Appends in the surrounding transaction. The number is taken under a lock on the feed, so that a reader never sees a
   * later event before an earlier one.
   *
   * @param index for those who follow the feed; without, the event has no tags
   * @returns the event's `seq`; the first of a feed is 1
   */
  append(body: Uint8Array, atMs: number, index?: EventIndex): Promise<number>
  /** Lets a feed that has no events yet begin after `seq` instead of after 0; only within a transaction. */
  continueAfter(seq: number): Promise<void>
  /**
   * @param after exclusive; 0 reads from the start
   * @param limit a shorter page means that the caller has caught up
   */
  listAfter(after: number, limit: number): Promise<LoggedEvent[]>
  /** A page of what a query selects, bounded in events, in bytes, and in how far it looks. @param after exclusive */
  page(after: number, query: EventQuery): Promise<EventPage>
  /** Those of the events that are kept, in order. */
  findMany(seqs: readonly number[]): Promise<LoggedEvent[]>
  /** As `listAfter`, without the bodies. */
  listIndex(after: number, limit: number): Promise<IndexedEvent[]>
  /** Highest `seq` ever given out; 0 before the first. */
  latestSeq(): Promise<number>
  /** Lowest `seq` that is kept; the one after the latest if none is. */
  oldestSeq(): Promise<number>
  /**
   * Forgets the oldest events, a batch at a time; only within a transaction.
   *
   * @param beforeMs events from then on stay
   * @returns how many went; fewer than `limit` means that there is nothing left to do
   */
  trim(beforeMs: number, limit: number): Promise<number>
}
