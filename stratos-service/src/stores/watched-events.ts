import type { EventIndex, EventLog, IndexedEvent } from 'stratos-core'

/** An event log with another way to append. */
export function withAppend(log: EventLog, append: EventLog['append']): EventLog {
  return {
    append,
    continueAfter: (seq) => log.continueAfter(seq),
    listAfter: (after, limit) => log.listAfter(after, limit),
    page: (after, query) => log.page(after, query),
    findMany: (seqs) => log.findMany(seqs),
    listIndex: (after, limit) => log.listIndex(after, limit),
    latestSeq: () => log.latestSeq(),
    oldestSeq: () => log.oldestSeq(),
    trim: (beforeMs, limit) => log.trim(beforeMs, limit),
  }
}

/** What the feed of the service keeps of an event in another feed. */
export function indexOf(
  seq: number,
  atMs: number,
  body: Uint8Array,
  index: EventIndex | undefined,
): IndexedEvent {
  const contentBytes = body.byteLength + (index?.contentBytes ?? 0)
  return { seq, atMs, tags: index?.tags ?? [], contentBytes }
}
