import {
  blobsOf,
  decodeRecord,
  encodeRecord,
  formatCid,
  linksOf,
  StratosError,
  type PieceSpool,
  type RecordBlock,
} from 'stratos-core'
import { SortedTree } from 'stratos-core/repo'
import { Turns } from '../limits/turns.ts'
import { PlanWriter, type PlannedRecord } from './import-plan.ts'
import { NotForHere, type ImportPolicy } from './import-policy.ts'
import type { ArchivedRecord, RepoArchive } from './repo-archive.ts'

/** Of the list in the answer. */
const MAX_LISTED = 1_000

/** What is to become of the records of an archive. */
export interface Review {
  readonly accepted: number
  readonly skipped: number
  /** The first of those that are left out, and why. */
  readonly reasons: readonly (ArchivedRecord & { readonly reason: string })[]
}

export interface ReviewOptions {
  /** What becomes of a record that does not fit here. */
  readonly onForeign: 'skip' | 'refuse'
  /** Of all records. One that is there under several keys counts each time: followers get it as often. */
  readonly maxBytes: number
}

/**
 * Looks at every record, and at the shape of the tree that they are in, and writes down what is to be stored of them.
 *
 * @param spool gets the plan, if any record is accepted
 * @throws {StratosError} `InvalidCar`, or why a record is refused
 */
export async function reviewArchive(
  archive: RepoArchive,
  rules: ImportPolicy,
  { onForeign, maxBytes }: ReviewOptions,
  spool: PieceSpool,
): Promise<Review> {
  const plan = new PlanWriter(spool)
  const accepted = new SortedTree((node) => plan.addNode(node))
  // The tree of the archive is the one that is built here, up to the first record that is left out or changed.
  let original = accepted
  const reasons: (ArchivedRecord & { reason: string })[] = []
  const turns = new Turns()
  let count = 0
  let bytes = 0
  let skipped = 0
  for (const record of archive.records()) {
    const { key, value } = record
    const block = archive.getBlock(value)
    bytes += block.bytes.byteLength
    if (bytes > maxBytes)
      throw new StratosError('InvalidCar', `the records may have at most ${maxBytes} bytes together`)
    const verdict = await judge(record, block, rules)
    if ('reason' in verdict && onForeign === 'refuse') throw verdict.reason
    const planned = 'reason' in verdict ? null : verdict
    if (planned !== null && plan.isFullFor(planned.block.bytes.byteLength)) {
      await plan.endCommit(
        accepted.root(() => undefined),
        false,
      )
    }
    const isSame = planned?.block.cid.equals(value) === true
    if (!isSame && original === accepted) original = accepted.fork(() => undefined)
    if (original !== accepted) original.add(key, value)
    if (planned !== null) {
      accepted.add(key, planned.block.cid)
      plan.addRecord(planned)
    }
    if ('reason' in verdict) {
      skipped += 1
      if (reasons.length < MAX_LISTED) reasons.push({ ...record, reason: verdict.reason.message })
    }
    count += 1
    await turns.after(block.bytes.byteLength)
  }
  if (!original.root(() => undefined).equals(archive.data)) {
    throw new StratosError('InvalidCar', 'the tree of records does not have the shape that its keys demand')
  }
  if (count > skipped)
    await plan.endCommit(
      accepted.root((node) => plan.addNode(node)),
      true,
    )
  return { accepted: count - skipped, skipped, reasons }
}

/**
 * @returns the record as it is to be stored, or why it does not fit here
 * @throws {StratosError} if it would fit nowhere
 */
async function judge(
  record: ArchivedRecord,
  block: RecordBlock,
  rules: ImportPolicy,
): Promise<PlannedRecord | { readonly reason: StratosError }> {
  try {
    const { collection, rkey } = record
    const original = decodeRecord(block.bytes)
    const translated = rules.translate(original)
    const boundaries = await rules.check(record, translated)
    const { createdAt } = translated
    return {
      collection,
      rkey,
      block: translated === original ? block : await encodeRecord(translated),
      boundaries,
      blobs: blobsOf(translated).map(({ cid }) => formatCid(cid)),
      links: linksOf(translated),
      createdAt: typeof createdAt === 'string' ? createdAt : undefined,
    }
  } catch (err) {
    const cause = err instanceof NotForHere ? err.reason : err
    if (!(cause instanceof StratosError)) throw err
    const named = new StratosError(cause.code, `${record.key}: ${cause.message}`, { cause })
    if (err instanceof NotForHere) return { reason: named }
    throw named
  }
}
