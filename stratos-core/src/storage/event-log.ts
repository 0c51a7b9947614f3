/** One entry of a feed. */
export interface LoggedEvent {
  /** Gapless and ascending within its feed, for ever. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** DAG-CBOR; its shape belongs to the feed. */
  readonly body: Uint8Array
}

/** One ordered feed of events. */
export interface EventLog {
  /**
   * Appends in the surrounding transaction. The number is taken under a lock on the feed, so that a reader never sees a
   * later event before an earlier one.
   *
   * @returns the event's `seq`; the first of a feed is 1
   */
  append(body: Uint8Array, atMs: number): Promise<number>
  /**
   * @param after exclusive; 0 reads from the start
   * @param limit a shorter page means that the caller has caught up
   */
  listAfter(after: number, limit: number): Promise<LoggedEvent[]>
  /** Highest `seq` ever given out; 0 before the first. */
  latestSeq(): Promise<number>
}
