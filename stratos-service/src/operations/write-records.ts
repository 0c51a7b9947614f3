import {
  formatAtUri,
  mayWrite,
  nextTid,
  StratosError,
  type Actors,
  type ActorStores,
  type Did,
  type Nsid,
  type Tid,
  type UserViewer,
} from 'stratos-core'
import { buildCommit, type RepoWrite } from 'stratos-core/repo'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import type { WriteRateLimiter } from '../limits/write-rate-limiter.ts'
import { encodeCommitEvent } from './commit-event.ts'
import type { PreparedWrite, PrepareWrites } from './prepare-writes.ts'
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
    this.#rate.charge(repo, writes.length)
    const prepared = await this.#prepare.prepare(author, writes, options)
    const keypair = await this.#actors.signingKey(repo)
    const result = await this.#lock.run(repo, async () => {
      await this.#stubs?.backlog.mark(repo)
      return this.#actors.transact(repo, (stores) => this.#commit(stores, repo, prepared, options, keypair))
    })
    if (result.commit !== undefined) this.#stubs?.backlog.wake(repo)
    return result
  }

  async #commit(
    stores: ActorStores,
    did: Did,
    writes: readonly PreparedWrite[],
    options: WriteOptions,
    keypair: Awaited<ReturnType<Actors['signingKey']>>,
  ): Promise<WriteResult> {
    const head = await stores.repo.findHead()
    if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    if (options.swapCommit !== undefined && options.swapCommit !== head.cid.toString()) {
      throw new StratosError('InvalidSwap', `the head of the repo is ${head.cid.toString()}`)
    }
    const changes = await changesOf(stores, writes)
    const results = writes.map((write) => resultOf(did, write))
    if (changes.length === 0) return { results }

    const nowMs = this.#nowMs()
    const rev = nextTid(head.rev, nowMs)
    const repoWrites = changes.map(({ repoWrite }) => repoWrite)
    const commit = await buildCommit({
      did,
      previous: head,
      rev,
      writes: repoWrites,
      blocks: stores.repo,
      keypair,
    })
    for (const { write } of changes) {
      await index(stores, write, rev)
      if (this.#stubs?.collections.has(write.collection) === true) {
        await stores.stubs.put(stubJobKey(write), stubJobPayload(write, nowMs), nowMs)
      }
    }
    const stillUsed = await stores.records.filterReferenced(commit.removedRecordCids)
    const removed = [...commit.removedCids, ...commit.removedRecordCids.filter((cid) => !stillUsed.has(cid))]
    await stores.repo.applyCommit(head, commit, { added: commit.newBlocks, removed })
    const ops = commit.ops.map(({ action, collection, rkey, cid }) => ({
      action,
      path: `${collection}/${rkey}`,
      cid,
    }))
    await stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops }), nowMs)
    return { commit: { cid: commit.cid.toString(), rev }, results }
  }
}

interface Change {
  readonly write: PreparedWrite
  readonly repoWrite: RepoWrite
}

/** What the writes change, given what is there; checked against the current records inside the transaction. */
async function changesOf(stores: ActorStores, writes: readonly PreparedWrite[]): Promise<Change[]> {
  const changes: Change[] = []
  for (const write of writes) {
    const repoWrite = repoWriteOf(write, await stores.records.findCid(write))
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

async function index(stores: ActorStores, write: PreparedWrite, rev: Tid): Promise<void> {
  const { collection, rkey } = write
  if (write.action === 'delete') return stores.records.delete({ collection, rkey })
  const { block, boundaries } = write
  await stores.records.put({ collection, rkey, cid: block.cid.toString(), rev, boundaries })
}

function resultOf(did: Did, write: PreparedWrite): WriteResult['results'][number] {
  if (write.action === 'delete') return {}
  const { collection, rkey, block, validationStatus } = write
  return { uri: formatAtUri({ did, collection, rkey }), cid: block.cid.toString(), validationStatus }
}
