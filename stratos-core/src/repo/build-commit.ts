/**
 * Commits: what they contain, and which blocks they add and supersede. No I/O but the blocks it is given to read from; the
 * caller stores the result in one transaction.
 */
import type { Keypair } from '@atproto/crypto'
import { encode } from '@atproto/lex-cbor'
import type { Cid } from '@atproto/lex-data'
import { formatCid } from '../cid-bytes.ts'
import { StratosError } from '../errors.ts'
import type { Did, Nsid, Rkey, Tid } from '../ids.ts'
import type { RecordBlock } from '../record/record-block.ts'
import type { RepoHead } from '../storage/repo-store.ts'
import type { BlockSource } from './block-source.ts'
import { cidOf } from './encode-node.ts'
import { RepoTree } from './repo-tree.ts'

export type RepoWrite =
  | {
      readonly action: 'create' | 'update'
      readonly collection: Nsid
      readonly rkey: Rkey
      readonly block: RecordBlock
    }
  | { readonly action: 'delete'; readonly collection: Nsid; readonly rkey: Rkey }

/** One write as it happened. `cid` is null after a delete, `prev` before a create. */
export interface CommitOp {
  readonly action: RepoWrite['action']
  readonly collection: Nsid
  readonly rkey: Rkey
  readonly cid: Cid | null
  readonly prev: Cid | null
}

/** A signed commit and what has to change among the blocks for it. Block maps and lists use the base32 form of CIDs. */
export interface BuiltCommit extends RepoHead {
  /** The commit before this one; the commit's own `prev` member is always null. */
  readonly prev: Cid | null
  /** Revision before this one. */
  readonly since: Tid | null
  /** The commit, the new MST nodes and the records. */
  readonly newBlocks: Map<string, Uint8Array>
  /** MST nodes and the commit that nothing refers to any more. */
  readonly removedCids: string[]
  /**
   * Records that were replaced or deleted. Records with equal content share a block, so one of these must stay as long as
   * some other key of the repo still has it as its value; only the record index knows.
   */
  readonly removedRecordCids: string[]
  readonly ops: CommitOp[]
  /** The new tree; to be passed to the next commit once this one is stored. */
  readonly tree: RepoTree
}

/** Signs the first commit of a repo, which has no records. */
export async function buildInitialCommit(repo: {
  did: Did
  rev: Tid
  keypair: Keypair
}): Promise<BuiltCommit> {
  const nowhere: BlockSource = { findBlock: async () => null }
  const tree = RepoTree.empty(nowhere)
  const { root: data, added } = tree.changeFrom(tree)
  const { cid, bytes } = await signCommit({ did: repo.did, rev: repo.rev, data }, repo.keypair)
  const newBlocks = added.set(formatCid(cid), bytes)
  const nothing = { removedCids: [], removedRecordCids: [], ops: [], tree }
  return { cid, rev: repo.rev, data, prev: null, since: null, newBlocks, ...nothing }
}

/**
 * Applies writes to a repo, in order, and signs the result as one commit.
 *
 * @param repo `previous` is the head to build on and `blocks` holds at least its MST; `rev` must be later than the
 *   previous one, which is not checked (see `nextTid`)
 * @throws {StratosError} `RecordAlreadyExists` for a create on a key in use, `RecordNotFound` for an update or delete of
 *   one that is not, `InvalidRequest` without any write, `UnbalancedRepo` (see `assertNodeSize`)
 */
export async function buildCommit(repo: {
  did: Did
  previous: RepoHead
  rev: Tid
  writes: readonly RepoWrite[]
  blocks: BlockSource
  /** From the commit before, if it is at hand; another version's is not used. */
  tree?: RepoTree | undefined
  keypair: Keypair
}): Promise<BuiltCommit> {
  const { did, previous, rev, writes } = repo
  if (writes.length === 0) throw new StratosError('InvalidRequest', 'a commit needs at least one write')
  const known = repo.tree?.root?.equals(previous.data) === true ? repo.tree : undefined
  const before = known?.readFrom(repo.blocks) ?? RepoTree.load(previous.data, repo.blocks)
  const { tree, ops } = await applyWrites(before, writes)
  const { root: data, added, removed } = tree.changeFrom(before)
  const commit = await signCommit({ did, rev, data }, repo.keypair)
  const records = recordChanges(writes, ops)
  return {
    cid: commit.cid,
    rev,
    data,
    prev: previous.cid,
    since: previous.rev,
    newBlocks: new Map([...added, ...records.added, [formatCid(commit.cid), commit.bytes] as const]),
    removedCids: [...removed, formatCid(previous.cid)],
    removedRecordCids: records.removed,
    ops,
    tree,
  }
}

async function applyWrites(
  start: RepoTree,
  writes: readonly RepoWrite[],
): Promise<{ tree: RepoTree; ops: CommitOp[] }> {
  const ops: CommitOp[] = []
  let tree = start
  for (const write of writes) {
    const { action, collection, rkey } = write
    const key = `${collection}/${rkey}`
    const prev = await tree.find(key)
    if (action === 'create' && prev !== null) {
      throw new StratosError('RecordAlreadyExists', `there is already a record ${key}`)
    }
    if (action !== 'create' && prev === null) {
      throw new StratosError('RecordNotFound', `there is no record ${key}`)
    }
    const cid = action === 'delete' ? null : write.block.cid
    if (cid === null) tree = await tree.remove(key)
    else tree = prev === null ? await tree.insert(key, cid) : await tree.replace(key, cid)
    ops.push({ action, collection, rkey, cid, prev })
  }
  return { tree, ops }
}

/** The net effect on records: of several writes to one key, only the first `prev` and the last `cid` count. */
function recordChanges(
  writes: readonly RepoWrite[],
  ops: readonly CommitOp[],
): { added: Map<string, Uint8Array>; removed: string[] } {
  const first = new Map<string, CommitOp>()
  const last = new Map<string, CommitOp>()
  for (const op of ops) {
    const key = `${op.collection}/${op.rkey}`
    if (!first.has(key)) first.set(key, op)
    last.set(key, op)
  }
  const before = textsOf([...first.values()].map(({ prev }) => prev))
  const after = textsOf([...last.values()].map(({ cid }) => cid))
  const added = new Map<string, Uint8Array>()
  for (const write of writes) {
    if (write.action !== 'delete') added.set(formatCid(write.block.cid), write.block.bytes)
  }
  for (const cid of added.keys()) if (!after.has(cid)) added.delete(cid)
  return { added, removed: [...before].filter((cid) => !after.has(cid)) }
}

function textsOf(cids: readonly (Cid | null)[]): Set<string> {
  return new Set(cids.filter((cid) => cid !== null).map(formatCid))
}

/** Makes a commit of a tree that is built already. @returns its block */
export async function signCommit(
  content: { did: Did; rev: Tid; data: Cid },
  keypair: Keypair,
): Promise<{ cid: Cid; bytes: Uint8Array }> {
  const unsigned = { ...content, version: 3, prev: null }
  const bytes = encode({ ...unsigned, sig: await keypair.sign(encode(unsigned)) })
  return { cid: cidOf(bytes), bytes }
}
