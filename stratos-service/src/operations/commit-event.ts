import { decode } from '@atproto/lex-cbor'
import type { Cid, LexMap } from '@atproto/lex-data'
import { CborWriter, type EventIndex } from 'stratos-core'

export interface CommitOp {
  readonly action: 'create' | 'update' | 'delete'
  /** `collection/rkey` */
  readonly path: string
  readonly cid: Cid | null
  /** Size of the record; 0 if it was deleted. */
  readonly bytes: number
  /** Those of the record from now on, and those that it had until now: who could see it has to hear that it went. */
  readonly boundaries: readonly string[]
  readonly formerBoundaries: readonly string[]
}

/**
 * What the event of a commit keeps: which records changed and how, and who may hear of it; not what they said. The
 * contents stay in the repo alone, so that deleting a record leaves no copy in the log.
 */
export interface CommitEvent {
  readonly rev: string
  readonly commit: Cid
  readonly ops: readonly CommitOp[]
}

/** Boundaries are long and few: the event names each once, and its ops by position. */
interface EncodedEvent extends LexMap {
  rev: string
  commit: Cid
  boundaries?: string[]
  ops: EncodedOp[]
}

interface EncodedOp extends LexMap {
  action: string
  path: string
  cid: Cid | null
  bytes?: number
  now?: number[]
  then?: number[]
}

/** What an op of usual length takes. */
const OP_BYTES = 140

export function encodeCommitEvent({ rev, commit, ops }: CommitEvent): Uint8Array {
  const boundaries = boundariesOfOps(ops)
  const positions = new Map(boundaries.map((name, position) => [name, position]))
  const writer = new CborWriter(256 + OP_BYTES * ops.length).map(4)
  const writePositions = (names: readonly string[]) => {
    writer.array(names.length)
    for (const name of names) writer.integer(positions.get(name) ?? 0)
  }
  writer.text('ops').array(ops.length)
  for (const op of ops) {
    writer.map(6)
    writer.text('cid')
    if (op.cid === null) writer.null()
    else writer.link(op.cid.bytes)
    writer.text('now')
    writePositions(op.boundaries)
    writer.text('path').text(op.path)
    writer.text('then')
    writePositions(op.formerBoundaries)
    writer.text('bytes').integer(op.bytes)
    writer.text('action').text(op.action)
  }
  writer.text('rev').text(rev)
  writer.text('commit').link(commit.bytes)
  writer.text('boundaries').array(boundaries.length)
  for (const name of boundaries) writer.text(name)
  return writer.finish()
}

export function decodeCommitEvent(encoded: Uint8Array): CommitEvent {
  const { rev, commit, ops, boundaries = [] } = decode<EncodedEvent>(encoded)
  const names = (positions: readonly number[] = []) => positions.map((position) => boundaries[position] ?? '')
  return {
    rev,
    commit,
    ops: ops.map(({ action, path, cid, bytes = 0, now, then }) => ({
      action: action as CommitOp['action'],
      path,
      cid,
      bytes,
      boundaries: names(now),
      formerBoundaries: names(then),
    })),
  }
}

/** What followers select the event by: the collections and the boundaries that it is about. */
export function indexOfCommit(ops: readonly CommitOp[]): EventIndex {
  const collections = new Set(ops.map(({ path }) => path.slice(0, path.indexOf('/'))))
  return {
    tags: [...collections, ...boundariesOfOps(ops)],
    contentBytes: ops.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function boundariesOfOps(ops: readonly CommitOp[]): string[] {
  return [...new Set(ops.flatMap((op) => [...op.boundaries, ...op.formerBoundaries]))]
}
