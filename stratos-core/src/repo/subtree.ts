/**
 * The nodes of a repo's tree in memory. A node is never changed once it is made; changing a tree makes new nodes for the
 * path to what changed, which share everything else with the old ones.
 *
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { hash } from 'node:crypto'
import { decode } from '@atproto/lex-cbor'
import { type Cid, isCid } from '@atproto/lex-data'
import { formatCid } from '../cid-bytes.ts'
import { listMemberOf, memberOf } from '../untyped.ts'
import type { BlockSource } from './block-source.ts'

export interface TreeNode {
  /** Of its keys; one more than that of its children. */
  readonly layer: number
  /** `collection/rkey`, in order. */
  readonly keys: readonly string[]
  /** CIDs of the records. */
  readonly values: readonly Cid[]
  /** One more than there are keys: what is before the first, between each two, and after the last. */
  readonly children: readonly (Subtree | null)[]
}

/** A part of a tree: stored, in memory, or both. */
export class Subtree {
  /** Null until it is encoded. */
  cid: Cid | null
  #node: TreeNode | null
  #name: string | null = null

  private constructor(cid: Cid | null, node: TreeNode | null) {
    this.cid = cid
    this.#node = node
  }

  static stored(cid: Cid): Subtree {
    return new Subtree(cid, null)
  }

  static made(node: TreeNode): Subtree {
    return new Subtree(null, node)
  }

  /** The CID as text, made once and gone with the node; empty until there is one. */
  get name(): string {
    if (this.cid === null) return ''
    return (this.#name ??= formatCid(this.cid))
  }

  /** Null if nobody has looked at it since it was stored. */
  get node(): TreeNode | null {
    return this.#node
  }

  /**
   * @param layer unless it is not known, as that of a root
   * @throws {Error} if it is missing in the store, or something else
   */
  async open(source: BlockSource, layer?: number): Promise<TreeNode> {
    this.#node ??= await load(this.name, source, layer)
    return this.#node
  }
}

async function load(name: string, source: BlockSource, layer?: number): Promise<TreeNode> {
  const bytes = await source.findBlock(name)
  if (bytes === null) throw new Error(`mst node ${name} of the repo is missing`)
  const node = decodeNode(name, bytes)
  return { ...node, layer: layer ?? (await findLayer(node, source)) }
}

/** Nodes of a repo are either ours or were checked when they were imported: what is looked at here is their shape. */
function decodeNode(name: string, bytes: Uint8Array): Omit<TreeNode, 'layer'> {
  const block: unknown = decode(bytes)
  const refused = () => new Error(`block ${name} of the repo is no mst node`)
  const left = memberOf(block, 'l')
  const entries = listMemberOf(block, 'e')
  if (left === undefined || memberOf(block, 'e') === undefined) throw refused()
  const keys: string[] = []
  const values: Cid[] = []
  const children = [subtreeOf(left, refused)]
  for (const entry of entries) {
    const [shared, rest, value] = [memberOf(entry, 'p'), memberOf(entry, 'k'), memberOf(entry, 'v')]
    if (typeof shared !== 'number' || !(rest instanceof Uint8Array) || !isCid(value)) throw refused()
    keys.push((keys.at(-1) ?? '').slice(0, shared) + Buffer.from(rest).toString('latin1'))
    values.push(value)
    children.push(subtreeOf(memberOf(entry, 't'), refused))
  }
  return { keys, values, children }
}

function subtreeOf(link: unknown, refused: () => Error): Subtree | null {
  if (link === null || link === undefined) return null
  if (!isCid(link)) throw refused()
  return Subtree.stored(link)
}

async function findLayer(node: Omit<TreeNode, 'layer'>, source: BlockSource): Promise<number> {
  const [first] = node.keys
  if (first !== undefined) return layerOf(first)
  const [child] = node.children
  return child == null ? 0 : (await child.open(source)).layer + 1
}

/** The layer that a key belongs to: how many pairs of zero bits its SHA-256 begins with. */
export function layerOf(key: string): number {
  let layer = 0
  for (const byte of hash('sha256', key, 'buffer')) {
    if (byte !== 0) return layer + ((Math.clz32(byte) - 24) >> 1)
    layer += 4
  }
  return layer
}

/** Position of the first key that is not before `key`. */
export function positionOf(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
