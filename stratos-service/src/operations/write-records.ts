import type { Keypair } from '@atproto/crypto'
import {
  formatCid,
  mayWrite,
  nextTid,
  StratosError,
  type Actors,
  type Boundary,
  type ActorStores,
  type Did,
  type Nsid,
  type RepoHead,
  type UserViewer,
} from 'stratos-core'
import { buildCommit, RepoTree, type BuiltCommit } from 'stratos-core/repo'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import type { BlobKeeper } from './blob-keeper.ts'
import { changesOf, opsOf, recordChangesOf, resultOf, type Change } from './changes.ts'
import { encodeCommitEvent, indexOfCommit } from './commit-event.ts'
import type { Members } from './members.ts'
import type { PreparedWrite, PrepareWrites } from './prepare-writes.ts'
import { RecentRepos, type KnownRepo } from './recent-repos.ts'
import { claimBlobs, findAffectedBlobs, mayTouchBlobs, NO_BLOBS, type ClaimedBlobs } from './record-blobs.ts'
import { stubWish } from './stub-job.ts'
import type { StubTiming } from './stub-timing.ts'
import type { WriteBudget } from './write-budget.ts'
import type { Write, WriteOptions, WriteResult } from './writes.ts'

/** Carries stubs to the PDS; told before and after a commit that queues some. */
export interface StubBacklog {
  /** Remembers durably that this actor's queue may hold work. */
  mark(did: Did): Promise<void>
  wake(did: Did): void
}

export interface StubSettings {
  readonly backlog: StubBacklog
  /** Collections whose records get a public stub: those that the service may write on a PDS. */
  readonly collections: ReadonlySet<Nsid>
  readonly timing: StubTiming
}

/** What is to be committed, to whose repo. */
interface Order {
  readonly did: Did
  readonly writes: readonly PreparedWrite[]
  readonly swapCommit: string | undefined
  readonly keypair: Keypair
}

/** What a commit changes, in all tables. */
interface Result {
  readonly commit: BuiltCommit
  readonly changes: readonly Change[]
  readonly blobs: ClaimedBlobs
  readonly nowMs: number
  /** To be called when everything has been asked of the stores. */
  readonly finish: (() => void) | undefined
}

interface Outcome {
  readonly result: Omit<WriteResult, 'allowance'>
  /** The repo as the commit leaves it; null if nothing changed, and so there is no commit. */
  readonly repo: KnownRepo | null
}

/** The one way in which records change. create, put, delete and applyWrites are this with n writes. */
export class WriteRecords {
  readonly #actors: Actors
  readonly #prepare: PrepareWrites
  readonly #budget: WriteBudget
  readonly #lock: KeyedLock
  readonly #stubs: StubSettings | null
  readonly #blobs: Pick<BlobKeeper, 'mark' | 'wake'>
  readonly #nowMs: () => number
  readonly #members: Members
  readonly #recent = new RecentRepos()

  constructor(options: {
    actors: Actors
    prepare: PrepareWrites
    budget: WriteBudget
    lock: KeyedLock
    members: Members
    /** null keeps no public stubs. */
    stubs: StubSettings | null
    /** Sees to the bytes of blobs that records begin or cease to refer to. */
    blobs: Pick<BlobKeeper, 'mark' | 'wake'>
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#prepare = options.prepare
    this.#budget = options.budget
    this.#lock = options.lock
    this.#members = options.members
    this.#stubs = options.stubs
    this.#blobs = options.blobs
    this.#nowMs = options.nowMs
  }

  /**
   * Applies all writes in one commit, or none. Durable when the promise resolves.
   *
   * Deleting a missing record changes nothing; if that leaves no change at all, there is no commit.
   *
   * @param writes up to 200, of different records
   * @throws {StratosError} `AuthenticationRequired` for somebody else's repo, `RateLimitExceeded`, a validation error,
   *   `BlobNotFound`, `RecordAlreadyExists`, `InvalidSwap`, `ServiceUnavailable` when too many writers wait
   */
  async write(
    author: UserViewer,
    repo: Did,
    writes: readonly Write[],
    options: WriteOptions,
  ): Promise<WriteResult> {
    if (!mayWrite(author, repo).allow)
      throw new StratosError('AuthenticationRequired', 'this is not your repo')
    for (const { action, collection } of writes) {
      const actions = action === 'put' ? (['create', 'update'] as const) : [action]
      if (actions.every((one) => author.grant?.mayWrite(one, collection) ?? true)) continue
      throw new StratosError('InsufficientScope', `the application may not ${action} ${collection}`)
    }
    const { result, allowance } = await this.#budget.spend(repo, writes.length, () =>
      this.#write(author, repo, writes, options),
    )
    if (result.commit !== undefined) this.#stubs?.backlog.wake(repo)
    return { ...result, allowance }
  }

  async #write(
    author: UserViewer,
    repo: Did,
    writes: readonly Write[],
    options: WriteOptions,
  ): Promise<Omit<WriteResult, 'allowance'>> {
    const prepared = await this.#prepare.prepare(author, writes, options)
    const keypair = await this.#actors.signingKey(repo)
    const order = { did: repo, writes: prepared, swapCommit: options.swapCommit, keypair }
    const result = await this.#lock.run(repo, async () => {
      await this.#members.assertHolds(repo, boundariesOf(prepared))
      return this.#carryOut(order)
    })
    if (result.commit !== undefined && mayTouchBlobs(prepared)) this.#blobs.wake(repo)
    return result
  }

  /**
   * Commits to the repo as it is remembered, where it is. Another instance may have changed it since, which the store
   * notices before anything is committed; what leads to no commit, though, is decided again by what is stored.
   */
  async #carryOut(order: Order): Promise<Outcome['result']> {
    const { did } = order
    await this.#stubs?.backlog.mark(did)
    if (mayTouchBlobs(order.writes)) await this.#blobs.mark(did)
    const known = this.#recent.find(did)
    if (known !== undefined) {
      const outcome = await this.#transact(order, known).catch(unlessBusy)
      if (outcome !== null && outcome.repo !== null) return outcome.result
      this.#recent.forget(did)
    }
    return (await this.#transact(order, null)).result
  }

  async #transact(order: Order, known: KnownRepo | null): Promise<Outcome> {
    const outcome = await this.#actors.transact(order.did, async (stores, finish) => {
      const committing = this.#commit(stores, finish, order, known)
      return known === null ? committing : committing.catch(suspectMemory)
    })
    if (outcome.repo !== null) this.#recent.keep(order.did, outcome.repo)
    return outcome
  }

  async #commit(
    stores: ActorStores,
    finish: (() => void) | undefined,
    order: Order,
    known: KnownRepo | null,
  ): Promise<Outcome> {
    const { did, writes, swapCommit } = order
    const head = known?.head ?? (await stores.repo.findHead())
    if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    if (swapCommit !== undefined && swapCommit !== head.cid.toString()) {
      throw new StratosError('InvalidSwap', `the head of the repo is ${head.cid.toString()}`)
    }
    const tree = known?.tree.readFrom(stores.repo) ?? RepoTree.load(head.data, stores.repo)
    const changes = changesOf(writes, await findCids(tree, writes))
    const results = writes.map((write) => resultOf(did, write))
    if (changes.length === 0) return { result: { results }, repo: null }

    const changed = changes.map(({ write }) => write)
    const affected = mayTouchBlobs(changed) ? await findAffectedBlobs(stores.blobs, changed) : NO_BLOBS
    const blobs = claimBlobs(changed, affected)
    const nowMs = this.#nowMs()
    const commit = await buildCommit({
      did,
      previous: head,
      rev: nextTid(head.rev, nowMs),
      writes: changes.map(({ repoWrite }) => repoWrite),
      blocks: stores.repo,
      tree,
      keypair: order.keypair,
    })
    await this.#store(stores, did, head, { commit, changes, blobs, nowMs, finish })
    const { cid, rev, data } = commit
    return {
      result: { commit: { cid: formatCid(cid), rev }, results },
      repo: { head: { cid, rev, data }, tree: commit.tree },
    }
  }

  async #store(
    stores: ActorStores,
    did: Did,
    head: RepoHead,
    { commit, changes, blobs, nowMs, finish }: Result,
  ): Promise<void> {
    const replaced = changes.filter(({ repoWrite }) => repoWrite.action !== 'create')
    const former = await stores.records.findBoundaries(replaced.map(({ write }) => write))
    const ops = opsOf(commit.ops, changes, former)
    // In this order, but without waiting in between: on a database server it is one round trip, and the commit goes along.
    const asked = [
      stores.records.apply(recordChangesOf(changes, commit.rev)),
      stores.repo.applyCommit(head, commit, {
        added: commit.newBlocks,
        removed: commit.removedCids,
        removedRecords: commit.removedRecordCids,
      }),
      stores.blobs.settle({ ...blobs, nowMs }),
      this.#queueStubs(stores, did, changes, nowMs),
      stores.events.append(
        encodeCommitEvent({ rev: commit.rev, commit: commit.cid, ops }),
        nowMs,
        indexOfCommit(ops),
      ),
    ]
    finish?.()
    await Promise.all(asked)
  }

  async #queueStubs(
    { stubs }: ActorStores,
    did: Did,
    changes: readonly Change[],
    nowMs: number,
  ): Promise<void> {
    if (this.#stubs === null) return
    const { collections, timing } = this.#stubs
    const wishes = changes
      .filter(({ write }) => collections.has(write.collection))
      .map(({ write }) => stubWish(write, write.action === 'delete' ? null : write, nowMs, timing))
    await stubs.put(wishes, timing.dueAtMs(did, nowMs))
  }
}

/** Those of all records that are to be written, each once. */
function boundariesOf(writes: readonly PreparedWrite[]): Set<Boundary> {
  return new Set(writes.flatMap((write) => (write.action === 'delete' ? [] : write.boundaries)))
}

/** CIDs of the records that are there, in the order of the writes. */
async function findCids(tree: RepoTree, writes: readonly PreparedWrite[]): Promise<(string | null)[]> {
  const cids: (string | null)[] = []
  for (const { collection, rkey } of writes) {
    const cid = await tree.find(`${collection}/${rkey}`)
    cids.push(cid === null ? null : formatCid(cid))
  }
  return cids
}

/** What cannot be read or stored may be so because the repo is not any more what is remembered of it. */
function suspectMemory(err: unknown): never {
  if (err instanceof StratosError) throw err
  throw new StratosError('ConcurrentModification', 'the repo may have changed in the meantime', {
    cause: err,
  })
}

/** Whatever a repo from memory leads to is tried again on the stored one, unless that would only add to the load. */
function unlessBusy(err: unknown): null {
  if (err instanceof StratosError && err.code !== 'ServiceUnavailable') return null
  throw err
}
