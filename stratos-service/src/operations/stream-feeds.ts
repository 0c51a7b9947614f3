import {
  StratosError,
  type Actors,
  type ActorStores,
  type CommitEntry,
  type Did,
  type EnrollmentEntry,
  type Feeds,
  type LoggedEvent,
  type ReadScope,
  type Viewer,
} from 'stratos-core'
import { Semaphore } from '../limits/semaphore.ts'
import { decodeCommitEvent, type CommitOp } from './commit-event.ts'
import type { CommitMessage, EnrollmentMessage, FollowedFeed, MessagePage } from './feed-message.ts'
import { readIfPresent } from './read-if-present.ts'
import type { ReadRecords } from './read-records.ts'
import { keyOf, visibleOps } from './visible-ops.ts'

const PAGE = { limit: 500, maxBytes: 1024 * 1024 }
/** Repos that one page reads at the same time. */
const REPOS_AT_ONCE = 8

export interface ServiceFilter {
  /** Empty means all. */
  readonly collections: readonly string[]
  /** Empty means all that the viewer may see. */
  readonly boundaries: readonly string[]
}

/** What a commit told in one feed or the other. */
interface ToldCommit {
  readonly seq: number
  readonly event: LoggedEvent
}

/**
 * The feeds that can be followed, each as its viewer may see it. Events hold no contents: records are read when an event
 * is told, as they are then, and only those that the viewer may see.
 */
export class StreamFeeds {
  readonly #actors: Pick<Actors, 'read'>
  readonly #feeds: Feeds
  readonly #records: Pick<ReadRecords, 'scope' | 'current'>

  constructor(options: {
    actors: Pick<Actors, 'read'>
    feeds: Feeds
    records: Pick<ReadRecords, 'scope' | 'current'>
  }) {
    this.#actors = options.actors
    this.#feeds = options.feeds
    this.#records = options.records
  }

  /** The commits of one repo. @param domain null for all; otherwise only changes of records behind this boundary */
  repo(viewer: Viewer, did: Did, domain: string | null): FollowedFeed {
    const scope = narrow(this.#records.scope(viewer, did), domain === null ? [] : [domain])
    const tagged = domain === null ? [] : [[domain]]
    return {
      name: `repo ${did}`,
      key: `repo ${did} ${keyOfScope(scope)}`,
      latestSeq: () => this.#inRepo(did, ({ events }) => events.latestSeq()),
      oldestSeq: () => this.#inRepo(did, ({ events }) => events.oldestSeq()),
      page: async (after) => {
        const { events, upTo, more } = await this.#inRepo(did, ({ events }) =>
          events.page(after, { ...PAGE, tagged }),
        )
        const commits = events.map((event) => ({ seq: event.seq, event }))
        return { messages: await this.#tell(viewer, did, commits, scope, null, false), upTo, more }
      },
    }
  }

  /** Who has enrolled or gone, or holds other boundaries. */
  enrollments(): FollowedFeed {
    const feed = this.#feeds.enrollments
    return {
      name: 'enrollment',
      key: 'enrollment',
      latestSeq: () => feed.latestSeq(),
      oldestSeq: () => feed.oldestSeq(),
      page: async (after) => {
        const { entries, upTo, more } = await feed.page(after, { ...PAGE, tagged: [] })
        return { messages: entries.map(toMessage), upTo, more }
      },
    }
  }

  /** All of it: the commits of every repo and every change of an enrollment. */
  service(viewer: Viewer, { collections, boundaries }: ServiceFilter): FollowedFeed {
    const feed = this.#feeds.service
    const tagged = [collections, boundaries].filter((tags) => tags.length > 0)
    return {
      name: 'service',
      key: `service ${JSON.stringify([viewer.kind, collections.toSorted(), boundaries.toSorted()])}`,
      latestSeq: () => feed.latestSeq(),
      oldestSeq: () => feed.oldestSeq(),
      page: async (after): Promise<MessagePage> => {
        const { entries, upTo, more } = await feed.page(after, { ...PAGE, tagged })
        const commits = new Map<number, CommitMessage>()
        const slots = new Semaphore(REPOS_AT_ONCE)
        const byRepo = Map.groupBy(
          entries.filter((entry) => entry.kind === 'commit'),
          ({ did }) => did,
        )
        const wanted = collections.length === 0 ? null : new Set(collections)
        const reading = [...byRepo].map(([did, list]) =>
          slots.run(async () => {
            const scope = narrow(this.#records.scope(viewer, did), boundaries)
            const told = await this.#findEvents(did, list)
            for (const message of await this.#tell(viewer, did, told, scope, wanted, true))
              commits.set(message.seq, message)
          }),
        )
        await Promise.all(reading)
        const messages = entries.flatMap((entry) =>
          entry.kind === 'commit' ? (commits.get(entry.seq) ?? []) : toMessage(entry),
        )
        return { messages, upTo, more }
      },
    }
  }

  /** Those of the commits that are kept. A repo that is gone has none. */
  async #findEvents(did: Did, entries: readonly CommitEntry[]): Promise<ToldCommit[]> {
    const places = new Map(entries.map(({ repoSeq, seq }) => [repoSeq, seq]))
    const events = await readIfPresent(this.#actors, did, (stores) =>
      stores.events.findMany([...places.keys()]),
    )
    return (events ?? []).flatMap((event) => {
      const seq = places.get(event.seq)
      return seq === undefined ? [] : { seq, event }
    })
  }

  async #tell(
    viewer: Viewer,
    did: Did,
    commits: readonly ToldCommit[],
    scope: ReadScope,
    collections: ReadonlySet<string> | null,
    withRepoSeq: boolean,
  ): Promise<CommitMessage[]> {
    const told = commits.flatMap(({ seq, event }) => {
      const { rev, ops } = decodeCommitEvent(event.body)
      const visible = visibleOps(ops, scope, collections)
      // The owner hears of every commit, of those that changed no record too.
      if (visible.length === 0 && (scope.kind !== 'all' || collections !== null)) return []
      return { seq, repoSeq: withRepoSeq ? event.seq : null, atMs: event.atMs, rev, ops: visible }
    })
    const paths = new Set(
      told.flatMap(({ ops }) => ops.flatMap(({ cid, path }) => (cid === null ? [] : path))),
    )
    const records = await this.#records.current(viewer, did, [...paths].map(keyOf), scope)
    return told.map(({ ops, ...commit }) => ({
      kind: 'commit',
      did,
      ...commit,
      ops: ops.map(({ action, path, cid }: CommitOp) => {
        const current = cid === null ? undefined : records.get(path)
        return {
          action,
          path,
          cid,
          record: current?.cid === cid?.toString() ? (current?.bytes ?? null) : null,
        }
      }),
    }))
  }

  async #inRepo<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    const found = await readIfPresent(this.#actors, did, async (stores) => ({ value: await work(stores) }))
    if (found === null) throw new StratosError('NotFound', 'no account with this DID is enrolled here')
    return found.value
  }
}

function toMessage({ seq, did, atMs, action, boundaries }: EnrollmentEntry): EnrollmentMessage {
  return { kind: 'enrollment', seq, did, atMs, action, boundaries }
}

/** The part of a scope behind one of these boundaries; none of them means all of it. */
function narrow(scope: ReadScope, boundaries: readonly string[]): ReadScope {
  if (boundaries.length === 0) return scope
  if (scope.kind === 'all') return { kind: 'boundaries', boundaries }
  return { kind: 'boundaries', boundaries: boundaries.filter((name) => scope.boundaries.includes(name)) }
}

function keyOfScope(scope: ReadScope): string {
  return scope.kind === 'all' ? 'all' : JSON.stringify(scope.boundaries.toSorted())
}
