import { decode, encode } from '@atproto/lex-cbor'
import type { Cid, LexMap } from '@atproto/lex-data'
import type { EventIndex } from 'stratos-core'

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

export function encodeCommitEvent({ rev, commit, ops }: CommitEvent): Uint8Array {
  const boundaries = boundariesOfOps(ops)
  const positions = (names: readonly string[]) => names.map((name) => boundaries.indexOf(name))
  return encode({
    rev,
    commit,
    boundaries,
    ops: ops.map((op): EncodedOp => {
      const { action, path, cid, bytes } = op
      return {
        action,
        path,
        cid,
        bytes,
        now: positions(op.boundaries),
        then: positions(op.formerBoundaries),
      }
    }),
  } satisfies EncodedEvent)
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
