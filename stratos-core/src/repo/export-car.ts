/**
 * A repo as a CAR file (version 1): the commit, its MST and its records.
 *
 * @see https://atproto.com/specs/repository#car-file-serialization
 */
import { decode } from '@atproto/lex-cbor'
import { type Cid, isCid } from '@atproto/lex-data'
import { writeCarStream } from '@atproto/repo'
import type { RepoStore } from '../storage/repo-store.ts'
import { listMemberOf, memberOf } from '../untyped.ts'

export interface CarBlock {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

/** Blocks fetched at once; bounds the memory of an export whatever the size of the repo. */
const BLOCKS_PER_READ = 200

/**
 * Writes a CAR file with one root, chunk by chunk.
 *
 * @param root CID of the newest commit
 * @param blocks in the order in which they shall appear
 */
export function writeCar(root: Cid, blocks: AsyncIterable<CarBlock>): AsyncIterable<Uint8Array> {
  return writeCarStream(root, blocks)
}

/**
 * Walks a repo from a commit down and yields every block it reaches once: the commit first, each MST node before its
 * records and subtrees. What nothing refers to any more is not part of a repo and never leaves this way.
 *
 * @param store must show one state of the repo until the walk is over
 * @throws {Error} if a block is missing or not what its place in the repo demands: the store is damaged
 */
export async function* collectRepoBlocks(
  store: Pick<RepoStore, 'findBlocks'>,
  root: Cid,
): AsyncGenerator<CarBlock> {
  const commit = await getBlocks(store, [root])
  yield* commit
  // Equal records share a block; MST nodes never do.
  const yieldedRecords = new Set<string>()
  const pendingNodes = commit.map(({ bytes }) => asCid(memberOf(decode(bytes), 'data')))
  while (pendingNodes.length > 0) {
    const nodes = await getBlocks(store, pendingNodes.splice(-BLOCKS_PER_READ))
    yield* nodes
    const links = nodes.map(({ bytes }) => linksOf(decode(bytes)))
    pendingNodes.push(...links.flatMap(({ nodes: subtrees }) => subtrees))
    const records = links
      .flatMap(({ records: cids }) => cids)
      .filter((cid) => !yieldedRecords.has(cid.toString()))
    const fresh = new Map(records.map((cid) => [cid.toString(), cid]))
    for (const cid of fresh.keys()) yieldedRecords.add(cid)
    for (const page of pages([...fresh.values()])) yield* await getBlocks(store, page)
  }
}

/** Reads blocks in the order asked for. */
async function getBlocks(store: Pick<RepoStore, 'findBlocks'>, cids: readonly Cid[]): Promise<CarBlock[]> {
  const keys = cids.map((cid) => cid.toString())
  const found = await store.findBlocks(keys)
  return cids.map((cid) => {
    const bytes = found.get(cid.toString())
    if (bytes === undefined) throw new Error(`block ${cid.toString()} of the repo is missing`)
    return { cid, bytes }
  })
}

/** @see https://atproto.com/specs/repository#mst-structure for the one-letter names */
function linksOf(node: unknown): { nodes: Cid[]; records: Cid[] } {
  const entries = listMemberOf(node, 'e')
  const subtrees = [memberOf(node, 'l'), ...entries.map((entry) => memberOf(entry, 't'))]
  return {
    nodes: subtrees.filter((link) => link !== null).map(asCid),
    records: entries.map((entry) => asCid(memberOf(entry, 'v'))),
  }
}

function asCid(value: unknown): Cid {
  if (!isCid(value)) throw new Error('the repo has a link that is not a CID')
  return value
}

function* pages<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += BLOCKS_PER_READ)
    yield items.slice(start, start + BLOCKS_PER_READ)
}
