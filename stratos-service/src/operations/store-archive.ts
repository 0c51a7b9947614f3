import { setImmediate } from 'node:timers/promises'
import type { Keypair } from '@atproto/crypto'
import {
  formatCid,
  nextTid,
  type ActorStores,
  type Did,
  type PieceSpool,
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

/**
 * Carries out a plan in an empty repo, within one transaction. Every commit is signed and names the tree of its time, as if
 * the records had been written like that, but what later commits supersede is never stored.
 */
export async function storeArchive(target: ImportTarget, empty: RepoHead, plan: PieceSpool): Promise<void> {
  let head = empty
  for (const commit of readPlan(plan)) {
    head = await storeCommit(target, head, commit, head === empty ? [empty.cid, empty.data] : [])
    // For SQLite, all of this happens at once.
    await setImmediate()
  }
}

async function storeCommit(
  { did, keypair, stores, stubs, nowMs }: ImportTarget,
  previous: RepoHead,
  { records, nodes, data, last }: PlannedCommit,
  superseded: readonly RepoHead['cid'][],
): Promise<RepoHead> {
  const rev = nextTid(previous.rev, nowMs)
  const commit = await signCommit({ did, rev, data }, keypair)
  const head = { cid: commit.cid, rev, data }
  const blocks = [...records.map(({ block }) => block), ...nodes, ...(last ? [commit] : [])]
  const ops = records.map(({ collection, rkey, block, boundaries }) => ({
    action: 'create' as const,
    path: `${collection}/${rkey}`,
    cid: block.cid,
    bytes: block.bytes.byteLength,
    boundaries,
    formerBoundaries: [],
  }))
  const timing = stubs?.timing ?? AT_ONCE
  const stubbed = records.filter(({ collection }) => stubs?.collections.has(collection))
  await Promise.all([
    stores.records.apply({
      created: records.map((record) => entryOf(record, rev)),
      updated: [],
      deleted: [],
    }),
    stores.repo.applyCommit(previous, head, {
      added: new Map(blocks.map(({ cid, bytes }) => [formatCid(cid), bytes])),
      removed: superseded.map(formatCid),
      removedRecords: [],
    }),
    stores.stubs.put(
      stubbed.map(({ collection, rkey, block, createdAt }) =>
        stubWish({ collection, rkey }, { record: { createdAt }, block }, nowMs, timing),
      ),
      timing.dueAtMs(did, nowMs),
    ),
    stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops }), nowMs, indexOfCommit(ops)),
  ])
  return head
}

function entryOf({ collection, rkey, block, boundaries, blobs, links }: PlannedRecord, rev: Tid) {
  return { collection, rkey, rev, cid: formatCid(block.cid), boundaries, blobs, links }
}
