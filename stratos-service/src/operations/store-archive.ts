import type { Keypair } from '@atproto/crypto'
import { boundariesOf, encodeRecord, nextTid, type ActorStores, type Did, type RepoHead } from 'stratos-core'
import { CommitSeries } from 'stratos-core/repo'
import { Turns } from '../limits/turns.ts'
import { encodeCommitEvent, indexOfCommit } from './commit-event.ts'
import type { ImportPolicy } from './import-policy.ts'
import { recordEntryOf, type WrittenRecord } from './record-entry.ts'
import type { ArchivedRecord, RepoArchive } from './repo-archive.ts'
import { stubWish } from './stub-job.ts'
import { AT_ONCE } from './stub-timing.ts'
import type { StubSettings } from './write-records.ts'

/** As many as one request may write; an event names no more. */
const RECORDS_PER_COMMIT = 200
/** What is in memory at a time. A commit has at least one record. */
const BYTES_PER_COMMIT = 2 * 1024 * 1024

/** Writes records that were accepted into an empty repo, by commits of some of them each; within one transaction. */
export async function storeArchive(import_: {
  did: Did
  empty: RepoHead
  archive: RepoArchive
  rules: ImportPolicy
  /** At least one, in the order of their keys. */
  records: Generator<ArchivedRecord, void, undefined>
  keypair: Keypair
  stores: ActorStores
  stubs: StubSettings | null
  nowMs: number
}): Promise<void> {
  const { did, empty, archive, rules, records, keypair, stores, stubs, nowMs } = import_
  const series = new CommitSeries({ did, empty, keypair })
  let head = empty
  for await (const { written, last } of portions(records, archive, rules)) {
    for (const { collection, rkey, block } of written) series.add(`${collection}/${rkey}`, block)
    const commit = await series.commit(nextTid(head.rev, nowMs), last)
    const { rev } = commit
    const ops = written.map(({ collection, rkey, block, boundaries }) => ({
      action: 'create' as const,
      path: `${collection}/${rkey}`,
      cid: block.cid,
      bytes: block.bytes.byteLength,
      boundaries,
      formerBoundaries: [],
    }))
    const timing = stubs?.timing ?? AT_ONCE
    const stubbed = written.filter(({ collection }) => stubs?.collections.has(collection))
    await Promise.all([
      stores.records.apply({
        created: written.map((record) => recordEntryOf(record, rev)),
        updated: [],
        deleted: [],
      }),
      stores.repo.applyCommit(head, commit, {
        added: commit.newBlocks,
        removed: commit.removedCids,
        removedRecords: [],
      }),
      stores.stubs.put(
        stubbed.map((record) => stubWish(record, record, nowMs, timing)),
        timing.dueAtMs(did, nowMs),
      ),
      stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops }), nowMs, indexOfCommit(ops)),
    ])
    head = commit
  }
}

async function readAccepted(
  { collection, rkey, value }: ArchivedRecord,
  archive: RepoArchive,
  rules: ImportPolicy,
): Promise<WrittenRecord> {
  // The review has decoded it, and the archive does not change.
  const original = archive.getRecordAgain(value)
  const record = rules.translate(original)
  const block = record === original ? archive.getBlock(value) : await encodeRecord(record)
  return { collection, rkey, record, block, boundaries: boundariesOf(record) }
}

/** What each commit writes. */
async function* portions(
  records: Generator<ArchivedRecord, void, undefined>,
  archive: RepoArchive,
  rules: ImportPolicy,
): AsyncGenerator<{ written: WrittenRecord[]; last: boolean }> {
  const turns = new Turns()
  let written: WrittenRecord[] = []
  let writtenBytes = 0
  for (const record of records) {
    const next = await readAccepted(record, archive, rules)
    const { byteLength } = next.block.bytes
    const full = written.length === RECORDS_PER_COMMIT || writtenBytes + byteLength > BYTES_PER_COMMIT
    if (full && written.length > 0) {
      yield { written, last: false }
      written = []
      writtenBytes = 0
    }
    written.push(next)
    writtenBytes += byteLength
    await turns.after(byteLength)
  }
  yield { written, last: true }
}
