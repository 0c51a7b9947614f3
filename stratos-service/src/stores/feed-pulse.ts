import type { FeedName, FeedWatch } from 'stratos-core'

interface Watched {
  version: number
  followers: number
  readonly waiting: Set<() => void>
}

/** Wakes those who follow a feed on this instance when it has grown. Knows nothing of feeds that nobody follows. */
export class FeedPulse {
  readonly #watched = new Map<FeedName, Watched>()

  isWatched(feed: FeedName): boolean {
    return this.#watched.has(feed)
  }

  watch(feed: FeedName): FeedWatch {
    const watched = this.#watched.get(feed) ?? { version: 0, followers: 0, waiting: new Set() }
    this.#watched.set(feed, watched)
    watched.followers += 1
    let open = true
    return {
      get version() {
        return watched.version
      },
      changedSince: (version, signal) => changedSince(watched, version, signal),
      close: () => {
        if (!open) return
        open = false
        watched.followers -= 1
        if (watched.followers === 0) this.#watched.delete(feed)
      },
    }
  }

  beat(feed: FeedName): void {
    const watched = this.#watched.get(feed)
    if (watched === undefined) return
    watched.version += 1
    const waiting = [...watched.waiting]
    watched.waiting.clear()
    for (const wake of waiting) wake()
  }

  /** For when it is not known what has happened. */
  beatAll(): void {
    for (const feed of this.#watched.keys()) this.beat(feed)
  }
}

async function changedSince(watched: Watched, version: number, signal: AbortSignal): Promise<void> {
  if (watched.version !== version || signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  watched.waiting.add(resolve)
  const giveUp = () => {
    watched.waiting.delete(resolve)
    resolve()
  }
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
