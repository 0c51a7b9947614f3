import { decode } from '@atproto/lex-cbor'
import { type Cid, isCid } from '@atproto/lex-data'
import type { Tid } from '../ids.ts'
import type { RepoStore } from '../storage/repo-store.ts'
import { formatCid } from '../cid-bytes.ts'
import { memberOf } from '../untyped.ts'
import { decodeTreeNode, subtreesOf } from './tree-node.ts'
import type { CarBlock } from './write-car.ts'

/** Blocks and bytes fetched at once; they bound the memory of an export whatever the size of the repo. */
const BLOCKS_PER_READ = 200
const BYTES_PER_READ = 2 * 1024 * 1024
const BLOCKS_AT_FIRST = 25
/** Equal records share a block. Of more records than this, one may be written twice, which does no harm. */
const MAX_REMEMBERED = 20_000

export interface CollectOptions {
  /** Leaves out what was there at this revision already. */
  readonly since?: Tid | undefined
  /** Records to leave out, by the text form of their CIDs; what proves them stays. */
  readonly withheld?: ReadonlySet<string> | undefined
}

type Blocks = Pick<RepoStore, 'findBlocks'>

/**
 * Walks a repo from a commit down and yields every block it reaches once, some at a time: the commit first, each MST node
 * before its records and subtrees. What nothing refers to any more is not part of a repo and never leaves this way.
 *
 * @param store must show one state of the repo until the walk is over
 * @throws {Error} if a block is missing or not what its place in the repo demands: the store is damaged
 */
export async function* collectRepoBlocks(
  store: Blocks,
  root: Cid,
  { since, withheld = new Set() }: CollectOptions = {},
): AsyncGenerator<readonly CarBlock[]> {
  const commit = await readBlocks(store, named([root]), undefined)
  yield commit
  const seen = new Set<string>()
  let recordsPerRead = BLOCKS_AT_FIRST
  const pendingNodes = commit.map(({ bytes }) => rootOf(bytes))
  while (pendingNodes.length > 0) {
    // What is below a node that was there was there as well.
    const nodes = await readBlocks(store, named(pendingNodes.splice(-BLOCKS_PER_READ)), since)
    yield nodes
    const records: Named[] = []
    for (const { cid, bytes } of nodes) {
      const node = decodeTreeNode(cid, bytes)
      pendingNodes.push(...subtreesOf(node))
      for (const { value } of node.entries) {
        const text = formatCid(value)
        if (seen.has(text) || withheld.has(text)) continue
        seen.add(text)
        records.push({ cid: value, text })
      }
    }
    for (let start = 0, count = 0; start < records.length; start += count) {
      count = recordsPerRead
      const page = await readBlocks(store, records.slice(start, start + count), since)
      recordsPerRead = nextCount(count, page)
      yield page
    }
    if (seen.size > MAX_REMEMBERED) seen.clear()
  }
}

/** A CID with its text form, which takes as long to make as to find the block. */
interface Named {
  readonly cid: Cid
  readonly text: string
}

function named(cids: readonly Cid[]): Named[] {
  return cids.map((cid) => ({ cid, text: formatCid(cid) }))
}

/** Reads blocks in the order asked for, without those that were there at a revision. */
async function readBlocks(
  store: Blocks,
  wanted: readonly Named[],
  since: Tid | undefined,
): Promise<CarBlock[]> {
  const found = await store.findBlocks(
    wanted.map(({ text }) => text),
    since,
  )
  const blocks: CarBlock[] = []
  for (const { cid, text } of wanted) {
    const bytes = found.get(text)
    if (bytes !== undefined) blocks.push({ cid, bytes })
    else if (since === undefined) throw new Error(`block ${text} of the repo is missing`)
  }
  return blocks
}

function rootOf(commit: Uint8Array): Cid {
  const data = memberOf(decode(commit), 'data')
  if (!isCid(data)) throw new Error('the repo has a commit without a tree')
  return data
}

/** How many records to read next, by the size of the last ones: how large records are is known only when they are read. */
function nextCount(count: number, blocks: readonly CarBlock[]): number {
  const bytes = blocks.reduce((sum, block) => sum + block.bytes.length, 0)
  const fitting = Math.floor((count * BYTES_PER_READ) / Math.max(bytes, 1))
  return Math.max(1, Math.min(fitting, 2 * count, BLOCKS_PER_READ))
}
