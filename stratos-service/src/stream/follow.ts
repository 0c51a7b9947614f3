import type { EncodedPage, LiveFeed } from './live-feeds.ts'

/**
 * Yields everything after `cursor` in order: first what is stored, then what is appended, from the same loop.
 *
 * Pull-based: nothing is read before the follower wants it, so a slow follower slows only itself. Ends when `signal`
 * aborts.
 */
export async function* follow(
  feed: Pick<LiveFeed, 'watch' | 'page'>,
  cursor: number,
  signal: AbortSignal,
): AsyncGenerator<EncodedPage> {
  let after = cursor
  while (!signal.aborted) {
    // Noted before reading, or an append between the read and the wait is lost.
    const seen = feed.watch.version
    const page = await feed.page(after)
    after = page.upTo
    if (page.frames.length > 0) yield page
    if (!page.more) await feed.watch.changedSince(seen, signal)
  }
}
