import {
  blobsOf,
  formatAtUri,
  linksOf,
  mayWrite,
  nextTid,
  StratosError,
  type Actors,
  type ActorStores,
  type Did,
  type JobWish,
  type Nsid,
  type RecordChanges,
  type RecordEntry,
  type RecordKey,
  type Tid,
  type UserViewer,
  type WriteRateLimiter,
} from 'stratos-core'
import { buildCommit, type RepoTree, type RepoWrite } from 'stratos-core/repo'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import { encodeCommitEvent } from './commit-event.ts'
import type { PreparedWrite, PrepareWrites } from './prepare-writes.ts'
import { RecentTrees } from './recent-trees.ts'
import { stubJobKey, stubJobPayload } from './stub-job.ts'
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
}

/** The one way in which records change. create, put, delete and applyWrites are this with n writes. */
export class WriteRecords {
  readonly #actors: Actors
  readonly #prepare: PrepareWrites
  readonly #rate: WriteRateLimiter
  readonly #lock: KeyedLock
  readonly #stubs: StubSettings | null
  readonly #nowMs: () => number
  readonly #trees = new RecentTrees()

  constructor(options: {
    actors: Actors
    prepare: PrepareWrites
    rate: WriteRateLimiter
    lock: KeyedLock
    /** null keeps no public stubs. */
    stubs: StubSettings | null
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#prepare = options.prepare
    this.#rate = options.rate
    this.#lock = options.lock
    this.#stubs = options.stubs
    this.#nowMs = options.nowMs
  }

  /**
   * Applies all writes in one commit, or none. Durable when the promise resolves.
   *
   * Deleting a missing record changes nothing; if that leaves no change at all, there is no commit.
   *
   * @param writes up to 200, of different records
   * @throws {StratosError} `AuthenticationRequired` for somebody else's repo, `RateLimitExceeded`, a validation error,
   *   `RecordAlreadyExists`, `InvalidSwap`, `ServiceUnavailable` when too many writers wait
   */
  async write(
    author: UserViewer,
    repo: Did,
    writes: readonly Write[],
    options: WriteOptions,
  ): Promise<WriteResult> {
    if (!mayWrite(author, repo).allow)
      throw new StratosError('AuthenticationRequired', 'this is not your repo')
    const allowance = await this.#rate.charge(repo, writes.length)
    const prepared = await this.#prepare.prepare(author, writes, options)
    const keypair = await this.#actors.signingKey(repo)
    const result = await this.#lock.run(repo, async () => {
      await this.#stubs?.backlog.mark(repo)
      const { result, tree } = await this.#actors.transact(repo, (stores) =>
        this.#commit(stores, repo, prepared, options, keypair),
      )
      if (tree !== null) this.#trees.keep(repo, tree)
      return result
    })
    if (result.commit !== undefined) this.#stubs?.backlog.wake(repo)
    return { ...result, allowance }
  }

  async #commit(
    stores: ActorStores,
    did: Did,
    writes: readonly PreparedWrite[],
    options: WriteOptions,
    keypair: Awaited<ReturnType<Actors['signingKey']>>,
  ): Promise<{ result: Omit<WriteResult, 'allowance'>; tree: RepoTree | null }> {
    const [head, current] = await Promise.all([stores.repo.findHead(), stores.records.findCids(writes)])
    if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    if (options.swapCommit !== undefined && options.swapCommit !== head.cid.toString()) {
      throw new StratosError('InvalidSwap', `the head of the repo is ${head.cid.toString()}`)
    }
    const changes = changesOf(writes, current)
    const results = writes.map((write) => resultOf(did, write))
    if (changes.length === 0) return { result: { results }, tree: null }

    const nowMs = this.#nowMs()
    const rev = nextTid(head.rev, nowMs)
    const repoWrites = changes.map(({ repoWrite }) => repoWrite)
    const commit = await buildCommit({
      did,
      previous: head,
      rev,
      writes: repoWrites,
      blocks: stores.repo,
      tree: this.#trees.find(did),
      keypair,
    })
    const ops = commit.ops.map(({ action, collection, rkey, cid }) => ({
      action,
      path: `${collection}/${rkey}`,
      cid,
    }))
    // In this order, but without waiting in between: on a database server it is one round trip.
    await Promise.all([
      stores.records.apply(recordChangesOf(changes, rev)),
      stores.repo.applyCommit(head, commit, {
        added: commit.newBlocks,
        removed: commit.removedCids,
        removedRecords: commit.removedRecordCids,
      }),
      stores.stubs.put(this.#stubJobsOf(changes, nowMs), nowMs),
      stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops }), nowMs),
    ])
    const result = { commit: { cid: commit.cid.toString(), rev }, results }
    return { result, tree: commit.tree }
  }

  #stubJobsOf(changes: readonly Change[], nowMs: number): JobWish[] {
    return changes
      .filter(({ write }) => this.#stubs?.collections.has(write.collection) === true)
      .map(({ write }) => ({ key: stubJobKey(write), payload: stubJobPayload(write, nowMs) }))
  }
}

interface Change {
  readonly write: PreparedWrite
  readonly repoWrite: RepoWrite
}

/** What the writes change, given what is there; checked against the current records inside the transaction. */
function changesOf(writes: readonly PreparedWrite[], current: ReadonlyMap<string, string>): Change[] {
  const changes: Change[] = []
  for (const write of writes) {
    const repoWrite = repoWriteOf(write, current.get(`${write.collection}/${write.rkey}`) ?? null)
    if (repoWrite !== null) changes.push({ write, repoWrite })
  }
  return changes
}

/** @returns null if the write leaves everything as it is */
function repoWriteOf(write: PreparedWrite, current: string | null): RepoWrite | null {
  const { action, collection, rkey } = write
  if (write.swap !== undefined && write.swap !== current) {
    throw new StratosError('InvalidSwap', `the record is ${current ?? 'absent'}`)
  }
  if (action === 'delete') return current === null ? null : { action, collection, rkey }
  if (action === 'create' && current !== null) {
    throw new StratosError('RecordAlreadyExists', `there is already a record at ${collection}/${rkey}`)
  }
  if (action === 'update' && current === null) {
    throw new StratosError('InvalidRequest', `there is no record at ${collection}/${rkey}`)
  }
  if (current === write.block.cid.toString()) return null
  return { action: current === null ? 'create' : 'update', collection, rkey, block: write.block }
}

function recordChangesOf(changes: readonly Change[], rev: Tid): RecordChanges {
  const created: RecordEntry[] = []
  const updated: RecordEntry[] = []
  const deleted: RecordKey[] = []
  for (const { write, repoWrite } of changes) {
    const { collection, rkey } = write
    if (write.action === 'delete') {
      deleted.push({ collection, rkey })
      continue
    }
    const entry = {
      collection,
      rkey,
      rev,
      cid: write.block.cid.toString(),
      boundaries: write.boundaries,
      blobs: blobsOf(write.record).map(({ cid }) => cid.toString()),
      links: linksOf(write.record),
    }
    if (repoWrite.action === 'create') created.push(entry)
    else updated.push(entry)
  }
  return { created, updated, deleted }
}

function resultOf(did: Did, write: PreparedWrite): WriteResult['results'][number] {
  if (write.action === 'delete') return {}
  const { collection, rkey, block, validationStatus } = write
  return { uri: formatAtUri({ did, collection, rkey }), cid: block.cid.toString(), validationStatus }
}
