import type { Keypair } from '@atproto/crypto'
import type { Did } from '../ids.ts'
import type { BlobIndex } from './blob-index.ts'
import type { EventLog } from './event-log.ts'
import type { JobQueue } from './job-queue.ts'
import type { RecordStore } from './record-store.ts'
import type { RepoStore } from './repo-store.ts'

/**
 * The private repos of a service, one per actor. The work handed to `read` and `transact` receives the only handle there
 * is: stores must not be kept beyond it. It must not wait for another piece of work, on this repo or any other: handles
 * are limited, and each could be held by somebody who waits for one.
 *
 * Every method throws `StratosError` `ServiceUnavailable` when the database cannot be reached or is too busy.
 */
export interface Actors {
  exists(did: Did): Promise<boolean>

  /** Makes room for an actor. Changes nothing when it exists. The repo has no head until its first commit. */
  create(did: Did): Promise<void>

  /**
   * Runs `work` against committed state. Each query sees the newest; two queries may see different commits.
   *
   * @throws {StratosError} `RepoNotFound` if there is no such actor
   */
  read<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T>

  /**
   * Runs `work` in one transaction that holds the repo against every other writer, on all instances, and is durable when
   * the promise resolves. A throw of `work` rolls everything back; when the disk or the connection fails at the very end, it
   * may be there all the same, with everything that belongs to it.
   *
   * It holds the repo from its first query on, so whatever needs to be alone must not happen before.
   *
   * `finish`, where there is one, spares a database server a round trip: the work calls it when it has asked for everything,
   * and then merely waits for the answers. What it throws afterwards does not roll back anything any more.
   *
   * @throws {StratosError} `RepoNotFound` if there is no such actor
   */
  transact<T>(did: Did, work: (stores: ActorStores, finish?: () => void) => Promise<T>): Promise<T>

  /**
   * Opens one committed state of the repo for reading, for as long as the caller likes, without holding up writers. Each
   * takes up something that there is not much of.
   *
   * @throws {StratosError} `RepoNotFound` if there is no such actor
   */
  openSnapshot(did: Did): Promise<Snapshot>
  /** The P-256 key that signs this actor's commits; made on first use. */
  signingKey(did: Did): Promise<Keypair>

  /**
   * Removes rows, blocks, events, jobs, key and files, after the work under way. Does nothing when the actor is gone. An
   * actor created again under the same DID starts from nothing.
   */
  destroy(did: Did): Promise<void>
}

/** One state of a repo. Reading fails once the actor is destroyed. */
export interface Snapshot {
  readonly stores: Pick<ActorStores, 'repo' | 'records'>
  /** More than once does no harm. */
  close(): Promise<void>
}

/** The stores of one actor, bound to one handle. */
export interface ActorStores {
  readonly repo: RepoStore
  readonly records: RecordStore
  readonly blobs: BlobIndex
  /** Events of the repo: one per commit. */
  readonly events: EventLog
  /** Public stubs that still have to reach the PDS. */
  readonly stubs: JobQueue
}
