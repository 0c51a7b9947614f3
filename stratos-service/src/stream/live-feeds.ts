import type { Feeds, FeedWatch } from 'stratos-core'
import type { FollowedFeed } from '../operations/feed-message.ts'
import type { StreamEncoding } from './encoding.ts'

/** A page as it goes over the wire. */
export interface EncodedPage {
  readonly frames: readonly Uint8Array[]
  readonly upTo: number
  readonly more: boolean
}

/** A feed that somebody follows at present. */
export interface LiveFeed {
  readonly watch: Pick<FeedWatch, 'version' | 'changedSince'>
  page(after: number): Promise<EncodedPage>
  /** To be called by each follower when it is done. */
  close(): void
}

/** Followers that are this close together read the same page once. */
const SHARED_PAGES = 8
const SHARED_BYTES = 4 * 1024 * 1024
/** What is shared is no older than this: a record may be gone the next moment. */
const FRESH_MS = 200

interface SharedFeed {
  readonly watch: FeedWatch
  followers: number
  /** By where they begin. */
  readonly pages: Map<number, SharedPage>
}

interface SharedPage {
  readonly version: number
  readonly atMs: number
  readonly page: Promise<EncodedPage>
}

/**
 * Feeds that are followed on this instance. When a feed grows, all its followers ask for the same page at the same time;
 * it is read and encoded once for those who see the same.
 */
export class LiveFeeds {
  readonly #feeds: Pick<Feeds, 'watch'>
  readonly #nowMs: () => number
  readonly #shared = new Map<string, SharedFeed>()

  constructor({ feeds, nowMs }: { feeds: Pick<Feeds, 'watch'>; nowMs: () => number }) {
    this.#feeds = feeds
    this.#nowMs = nowMs
  }

  open(feed: FollowedFeed, encoding: StreamEncoding): LiveFeed {
    const key = `${encoding.name} ${feed.key}`
    const shared = this.#shared.get(key) ?? {
      watch: this.#feeds.watch(feed.name),
      followers: 0,
      pages: new Map(),
    }
    this.#shared.set(key, shared)
    shared.followers += 1
    return {
      watch: shared.watch,
      page: (after) => this.#page(shared, after, () => readPage(feed, encoding, after)),
      close: () => {
        shared.followers -= 1
        if (shared.followers > 0) return
        this.#shared.delete(key)
        shared.watch.close()
      },
    }
  }

  #page(shared: SharedFeed, after: number, read: () => Promise<EncodedPage>): Promise<EncodedPage> {
    const { pages, watch } = shared
    const [version, atMs] = [watch.version, this.#nowMs()]
    const known = pages.get(after)
    if (known !== undefined && known.version === version && atMs - known.atMs < FRESH_MS) return known.page
    const page = read()
    // Alone, nobody else will ask.
    if (shared.followers === 1) return page
    const entry = { version, atMs, page }
    pages.delete(after)
    pages.set(after, entry)
    for (const [oldest] of pages) {
      if (pages.size <= SHARED_PAGES) break
      pages.delete(oldest)
    }
    const forget = () => {
      if (pages.get(after) === entry) pages.delete(after)
    }
    page.then((read) => {
      if (read.frames.reduce((sum, frame) => sum + frame.byteLength, 0) > SHARED_BYTES / SHARED_PAGES)
        forget()
    }, forget)
    setTimeout(forget, FRESH_MS).unref()
    return page
  }
}

async function readPage(feed: FollowedFeed, encoding: StreamEncoding, after: number): Promise<EncodedPage> {
  const { messages, upTo, more } = await feed.page(after)
  return { frames: messages.map((message) => encoding.message(message)), upTo, more }
}
