import type { Did, EntryFeed, FeedName, ServiceEntry } from 'stratos-core'

const READ_AT_ONCE = 500

export interface FeedTailOptions {
  readonly feed: EntryFeed<ServiceEntry>
  /** Told of every feed that has grown. */
  readonly grown: (feed: FeedName) => void
  /** Told of every change of an enrollment. */
  readonly enrolled: (did: Did) => void
}

/**
 * Follows the feed of the service to notice what other instances do: everything that happens anywhere has a place in it.
 */
export class FeedTail {
  readonly #options: FeedTailOptions
  #seen: number | null = null

  constructor(options: FeedTailOptions) {
    this.#options = options
  }

  /** Looks for what is new since the last time; the first time, only where the feed ends. One at a time. */
  async look(): Promise<void> {
    const { feed, grown, enrolled } = this.#options
    if (this.#seen === null) {
      this.#seen = await feed.latestSeq()
      return
    }
    for (;;) {
      const page = await feed.page(this.#seen, { limit: READ_AT_ONCE, maxBytes: Infinity, tagged: [] })
      const grownFeeds = new Set<FeedName>()
      for (const entry of page.entries) {
        if (entry.kind === 'commit') grownFeeds.add(`repo ${entry.did}`)
        else {
          grownFeeds.add('enrollment')
          enrolled(entry.did)
        }
      }
      if (page.entries.length > 0) grownFeeds.add('service')
      for (const name of grownFeeds) grown(name)
      this.#seen = page.upTo
      if (!page.more) return
    }
  }
}
