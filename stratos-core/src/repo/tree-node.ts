/**
 * Nodes of the MST as they are stored, for whoever walks a tree without changing it.
 *
 * @see https://atproto.com/specs/repository#mst-structure for the one-letter names
 */
import { type Cid, isCid } from '@atproto/lex-data'
import { decodeCanonical } from '../record/canonical-cbor.ts'
import { listMemberOf, memberOf } from '../untyped.ts'

export interface TreeEntry {
  /** `collection/rkey`. */
  readonly key: string
  /** CID of the record. */
  readonly value: Cid
  /** Subtree with the keys between this entry and the next. */
  readonly right: Cid | null
}

export interface TreeNode {
  readonly cid: Cid
  readonly bytes: Uint8Array
  /** Subtree with the keys before the first entry. */
  readonly left: Cid | null
  readonly entries: readonly TreeEntry[]
}

/** @throws {Error} if the bytes are no node: the store is damaged */
export function decodeTreeNode(cid: Cid, bytes: Uint8Array): TreeNode {
  const node = decodeCanonical(bytes)
  let key = ''
  const entries = listMemberOf(node, 'e').map((entry) => {
    const shared = memberOf(entry, 'p')
    const rest = memberOf(entry, 'k')
    if (typeof shared !== 'number' || !(rest instanceof Uint8Array)) throw notANode(cid)
    key = key.slice(0, shared) + asciiOf(rest)
    return { key, value: asCid(memberOf(entry, 'v')), right: asLink(memberOf(entry, 't')) }
  })
  return { cid, bytes, left: asLink(memberOf(node, 'l')), entries }
}

/** Subtrees in the order of their keys. */
export function subtreesOf({ left, entries }: TreeNode): Cid[] {
  return [left, ...entries.map(({ right }) => right)].filter((link) => link !== null)
}

/** More levels than any tree has whose keys were not made up to be deep. */
const MAX_LEVELS = 64

export interface TreePath {
  /** From the root to where the key is, or would be. */
  readonly nodes: readonly TreeNode[]
  /** CID of the record; null if the tree does not have the key. */
  readonly value: Cid | null
}

/** Finds a key. The nodes of the answer prove it, one way or the other, to whoever trusts the root. */
export async function findTreePath(
  readNode: (cid: Cid) => Promise<TreeNode>,
  root: Cid,
  key: string,
): Promise<TreePath> {
  const nodes: TreeNode[] = []
  for (let next: Cid | null = root; next !== null;) {
    if (nodes.length === MAX_LEVELS) throw new Error('the tree of a repo is too deep')
    const node: TreeNode = await readNode(next)
    nodes.push(node)
    const at = node.entries.findIndex((entry) => entry.key >= key)
    const entry = node.entries[at]
    if (entry?.key === key) return { nodes, value: entry.value }
    const before = at === -1 ? node.entries.at(-1) : node.entries[at - 1]
    next = before === undefined ? node.left : before.right
  }
  return { nodes, value: null }
}

function asciiOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function asLink(value: unknown): Cid | null {
  return value === null || value === undefined ? null : asCid(value)
}

function asCid(value: unknown): Cid {
  if (!isCid(value)) throw new Error('the repo has a link that is not a CID')
  return value
}

function notANode(cid: Cid): Error {
  return new Error(`block ${cid.toString()} of the repo is no MST node`)
}
