import type { FollowedFeed } from '../operations/feed-message.ts'
import type { StreamEncoding, StreamFailure } from './encoding.ts'
import { follow } from './follow.ts'
import type { LiveFeeds } from './live-feeds.ts'
import type { Sink } from './sink.ts'

export interface Delivery {
  readonly feed: FollowedFeed
  readonly encoding: StreamEncoding
  /** `seq` of the last event that the follower has; undefined for everything that is kept. */
  readonly cursor: number | undefined
  readonly sink: Sink
  /** A follower that takes longer to make room is too slow. */
  readonly patienceMs: number
  readonly signal: AbortSignal
}

/** Raised where the follower is to be told why the stream ends. */
export class StreamEnd extends Error {
  override name = 'StreamEnd'
  readonly failure: StreamFailure

  constructor(failure: StreamFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/**
 * Sends a feed to a follower until the signal aborts.
 *
 * @throws {StreamEnd} `FutureCursor`, `ConsumerTooSlow`
 */
export async function deliver(live: LiveFeeds, delivery: Delivery): Promise<void> {
  const { feed, encoding, cursor, sink, signal } = delivery
  await checkCursor(delivery)
  const opened = live.open(feed, encoding)
  try {
    for await (const page of follow(opened, cursor ?? 0, signal)) {
      for (const frame of page.frames) {
        if (signal.aborted) return
        if (!sink.write(frame)) await roomIn(sink, delivery.patienceMs, signal)
      }
    }
  } finally {
    opened.close()
  }
}

async function checkCursor({ feed, encoding, cursor, sink }: Delivery): Promise<void> {
  // The oldest first: events may go in between, and the newest must not be older.
  const oldest = await feed.oldestSeq()
  const latest = await feed.latestSeq()
  if (cursor === undefined) return
  if (cursor > latest) {
    throw new StreamEnd({ name: 'FutureCursor', message: `the newest event is ${latest}` })
  }
  if (cursor < oldest - 1) {
    sink.write(encoding.info('OutdatedCursor', `events ${cursor + 1} to ${oldest - 1} are not kept any more`))
  }
}

async function roomIn(sink: Sink, patienceMs: number, signal: AbortSignal): Promise<void> {
  const { promise: impatient, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const message = 'events were not read fast enough; connect again with the last cursor'
    reject(new StreamEnd({ name: 'ConsumerTooSlow', message }))
  }, patienceMs)
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([sink.drained(), aborted, impatient])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
