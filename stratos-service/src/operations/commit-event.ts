import { decode, encode } from '@atproto/lex-cbor'
import type { Cid, LexMap } from '@atproto/lex-data'

export interface CommitOp {
  readonly action: 'create' | 'update' | 'delete'
  /** `collection/rkey` */
  readonly path: string
  readonly cid: Cid | null
}

/**
 * What the event of a commit keeps: which records changed and how, not what they said. The contents stay in the repo
 * alone, so that deleting a record leaves no copy in the log.
 */
export interface CommitEvent {
  readonly rev: string
  readonly commit: Cid
  readonly ops: readonly CommitOp[]
}

export function encodeCommitEvent(event: CommitEvent): Uint8Array {
  const ops = event.ops.map((op): LexMap => ({ action: op.action, path: op.path, cid: op.cid }))
  return encode({ rev: event.rev, commit: event.commit, ops })
}

export function decodeCommitEvent(bytes: Uint8Array): CommitEvent {
  return decode<CommitEvent & LexMap>(bytes)
}
