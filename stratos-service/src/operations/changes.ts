import {
  formatCid,
  formatAtUri,
  StratosError,
  type Did,
  type RecordChanges,
  type RecordEntry,
  type RecordKey,
  type Tid,
} from 'stratos-core'
import type { RepoWrite } from 'stratos-core/repo'
import type { CommitOp } from './commit-event.ts'
import type { PreparedWrite } from './prepare-writes.ts'
import { recordEntryOf } from './record-entry.ts'
import type { WriteResult } from './writes.ts'

/** A write that changes something. */
export interface Change {
  readonly write: PreparedWrite
  readonly repoWrite: RepoWrite
}

/**
 * What the writes change.
 *
 * @param current CIDs of the records that are there, in the order of the writes; null where there is none
 * @throws {StratosError} `InvalidSwap`, `RecordAlreadyExists` or `InvalidRequest` for a write that does not go with them
 */
export function changesOf(writes: readonly PreparedWrite[], current: readonly (string | null)[]): Change[] {
  const changes: Change[] = []
  for (const [index, write] of writes.entries()) {
    const repoWrite = repoWriteOf(write, current[index] ?? null)
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
  if (current === formatCid(write.block.cid)) return null
  return { action: current === null ? 'create' : 'update', collection, rkey, block: write.block }
}

/** What followers are told. @param former boundaries that the records had, by `collection/rkey` */
export function opsOf(
  ops: readonly (RecordKey & Pick<CommitOp, 'action' | 'cid'>)[],
  changes: readonly Change[],
  former: ReadonlyMap<string, readonly string[]>,
): CommitOp[] {
  const writes = new Map(changes.map(({ write }) => [`${write.collection}/${write.rkey}`, write]))
  return ops.map(({ action, collection, rkey, cid }) => {
    const path = `${collection}/${rkey}`
    const write = writes.get(path)
    const kept = write === undefined || write.action === 'delete' ? null : write
    return {
      action,
      path,
      cid,
      bytes: kept?.block.bytes.byteLength ?? 0,
      boundaries: kept?.boundaries ?? [],
      formerBoundaries: former.get(path) ?? [],
    }
  })
}

/** What the index of records is told. */
export function recordChangesOf(changes: readonly Change[], rev: Tid): RecordChanges {
  const created: RecordEntry[] = []
  const updated: RecordEntry[] = []
  const deleted: RecordKey[] = []
  for (const { write, repoWrite } of changes) {
    const { collection, rkey } = write
    if (write.action === 'delete') {
      deleted.push({ collection, rkey })
      continue
    }
    const entry = recordEntryOf(write, rev)
    if (repoWrite.action === 'create') created.push(entry)
    else updated.push(entry)
  }
  return { created, updated, deleted }
}

/** What the caller is told. */
export function resultOf(did: Did, write: PreparedWrite): WriteResult['results'][number] {
  if (write.action === 'delete') return {}
  const { collection, rkey, block, validationStatus } = write
  return { uri: formatAtUri({ did, collection, rkey }), cid: formatCid(block.cid), validationStatus }
}
