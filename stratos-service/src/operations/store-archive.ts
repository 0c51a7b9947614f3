import { setImmediate } from 'node:timers/promises'
import type { Keypair } from '@atproto/crypto'
import {
  formatCid,
  nextTid,
  type ActorStores,
  type AddedBlock,
  type Did,
  type PieceSpool,
  type RecordBlock,
  type RecordEntry,
  type RepoHead,
  type Tid,
} from 'stratos-core'
import { signCommit } from 'stratos-core/repo'
import { encodeCommitEvent, indexOfCommit } from './commit-event.ts'
import { readPlan, type PlannedCommit, type PlannedRecord } from './import-plan.ts'
import { stubWish } from './stub-job.ts'
import { AT_ONCE } from './stub-timing.ts'
import type { StubSettings } from './write-records.ts'

/** Where an import is written to. */
export interface ImportTarget {
  readonly did: Did
  readonly keypair: Keypair
  readonly stores: ActorStores
  readonly stubs: StubSettings | null
  readonly nowMs: number
}

/** What is stored at a time. In the order of their CIDs, so many records are close to each other in an index by CID. */
const RECORDS_PER_BATCH = 2_000
const BYTES_PER_BATCH = 4 * 1024 * 1024
/** With SQLite, statements keep everybody waiting. */
const ROWS_PER_TURN = 256

/**
 * Carries out a plan in an empty repo, within one transaction. Every commit is signed and names the tree of its time, as if
 * the records had been written like that, but what later commits supersede is never stored.
 */
export async function storeArchive(target: ImportTarget, empty: RepoHead, plan: PieceSpool): Promise<void> {
  const { stores } = target
  let head = empty
  let batch = new Batch()
  for (const commit of readPlan(plan)) {
    head = await addCommit(target, head, commit, batch)
    if (batch.isFull) {
      await batch.store(stores)
      batch = new Batch()
    }
    await setImmediate()
  }
  await batch.store(stores)
  const removed = [empty.cid, empty.data].map(formatCid)
  await stores.repo.applyCommit(empty, head, { added: new Map(), removed, removedRecords: [] })
}

async function addCommit(
  { did, keypair, stores, stubs, nowMs }: ImportTarget,
  previous: RepoHead,
  { records, nodes, data, last }: PlannedCommit,
  batch: Batch,
): Promise<RepoHead> {
  const rev = nextTid(previous.rev, nowMs)
  const commit = await signCommit({ did, rev, data }, keypair)
  for (const record of records) batch.addRecord(record, rev)
  for (const block of last ? [...nodes, commit] : nodes) batch.addBlock(block, rev)
  const ops = records.map(({ collection, rkey, block, boundaries }) => ({
    action: 'create' as const,
    path: `${collection}/${rkey}`,
    cid: block.cid,
    bytes: block.bytes.byteLength,
    boundaries,
    formerBoundaries: [],
  }))
  const timing = stubs?.timing ?? AT_ONCE
  const wishes = records
    .filter(({ collection }) => stubs?.collections.has(collection))
    .map(({ collection, rkey, block, createdAt }) =>
      stubWish({ collection, rkey }, { record: { createdAt }, block }, nowMs, timing),
    )
  await Promise.all([
    stores.stubs.put(wishes, timing.dueAtMs(did, nowMs)),
    stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops }), nowMs, indexOfCommit(ops)),
  ])
  return { cid: commit.cid, rev, data }
}

/** Records and blocks of some commits. */
class Batch {
  readonly #entries: RecordEntry[] = []
  readonly #blocks = new Map<string, AddedBlock>()
  #bytes = 0

  get isFull(): boolean {
    return this.#entries.length >= RECORDS_PER_BATCH || this.#bytes >= BYTES_PER_BATCH
  }

  addRecord({ collection, rkey, block, boundaries, blobs, links }: PlannedRecord, rev: Tid): void {
    const cid = this.addBlock(block, rev)
    this.#entries.push({ collection, rkey, rev, cid, boundaries, blobs, links })
  }

  /** @returns the text form of its CID */
  addBlock(block: RecordBlock, rev: Tid): string {
    const cid = formatCid(block.cid)
    // Equal records share a block; it is there since the first of them.
    if (!this.#blocks.has(cid)) this.#blocks.set(cid, { cid, bytes: block.bytes, rev })
    this.#bytes += block.bytes.byteLength
    return cid
  }

  async store({ records, repo }: ActorStores): Promise<void> {
    const created = this.#entries.toSorted(byCid)
    const blocks = [...this.#blocks.values()].toSorted(byCid)
    const length = Math.max(created.length, blocks.length)
    // Those that were sent last, and those before: a database server need not wait for the next ones.
    let latest: Promise<unknown> = Promise.resolve()
    let former = latest
    try {
      for (let start = 0; start < length; start += ROWS_PER_TURN) {
        const end = start + ROWS_PER_TURN
        former = latest
        latest = Promise.all([
          records.apply({ created: created.slice(start, end), updated: [], deleted: [] }),
          repo.addBlocks(blocks.slice(start, end)),
        ])
        // It is asked for in the next round.
        latest.catch(() => undefined)
        await Promise.all([former, setImmediate()])
      }
    } finally {
      await Promise.allSettled([former, latest])
    }
    await latest
  }
}

function byCid(one: { readonly cid: string }, other: { readonly cid: string }): number {
  return one.cid < other.cid ? -1 : Number(one.cid > other.cid)
}
