/**
 * Building an MST from keys in ascending order, node by node from the bottom left, without reading any: the memory it
 * takes is that of one path.
 *
 * @see https://atproto.com/specs/repository#mst-structure
 */
import type { Cid } from '@atproto/lex-data'
import { cidOf, encodeNode } from './encode-node.ts'
import type { CarBlock } from './write-car.ts'
import { assertNodeSize } from './node-size.ts'
import { layerOf } from './subtree.ts'

interface Entry {
  readonly key: string
  readonly value: Cid
  /** The subtree between this key and the next one of the node. */
  tree: Cid | null
}

/** A node that may still grow. */
interface OpenNode {
  left: Cid | null
  readonly entries: Entry[]
}

/** Receives nodes that will not change any more, children first. */
export type NodeSink = (node: CarBlock) => void

/** A tree, as it is built. */
export class SortedTree {
  readonly #keep: NodeSink
  /** By layer. Those that have neither a key nor a subtree are not part of the tree yet. */
  #open: OpenNode[] = []

  constructor(keep: NodeSink) {
    this.#keep = keep
  }

  /**
   * @param key `collection/rkey`, after every key before it in byte order
   * @throws {StratosError} `UnbalancedRepo` (see `assertNodeSize`)
   */
  add(key: string, value: Cid): void {
    const layer = layerOf(key)
    while (this.#open.length <= layer) this.#open.push({ left: null, entries: [] })
    closeBelow(this.#open, layer, this.#keep)
    const node = this.#open[layer]
    if (node === undefined) throw new Error('unreachable')
    node.entries.push({ key, value, tree: null })
    assertNodeSize(node.entries.length)
  }

  /** Another tree with the same keys so far. @param keep receives nodes that it completes from now on */
  fork(keep: NodeSink): SortedTree {
    const other = new SortedTree(keep)
    other.#open = copyOf(this.#open)
    return other
  }

  /**
   * The root of the tree as it is now; more keys may follow.
   *
   * @param keep receives the nodes that are complete only if none follows
   */
  root(keep: NodeSink): Cid {
    const path = copyOf(this.#open)
    const top = Math.max(0, path.length - 1)
    closeBelow(path, top, keep)
    const block = encodeOpenNode(path[top] ?? { left: null, entries: [] })
    keep(block)
    return block.cid
  }
}

/** Of a path, only the last entries of its nodes ever change. */
function copyOf(path: readonly OpenNode[]): OpenNode[] {
  return path.map(({ left, entries }) => {
    const last = entries.at(-1)
    return { left, entries: last === undefined ? [] : [...entries.slice(0, -1), { ...last }] }
  })
}

/** Ends the nodes below a layer and hangs each under the one above it. */
function closeBelow(path: OpenNode[], layer: number, keep: NodeSink): void {
  for (let below = 0; below < layer; below += 1) {
    const node = path[below]
    const above = path[below + 1]
    if (node === undefined || above === undefined || isVoid(node)) continue
    const block = encodeOpenNode(node)
    keep(block)
    path[below] = { left: null, entries: [] }
    const last = above.entries.at(-1)
    if (last === undefined) above.left = block.cid
    else last.tree = block.cid
  }
}

function isVoid(node: OpenNode): boolean {
  return node.left === null && node.entries.length === 0
}

function encodeOpenNode({ left, entries }: OpenNode): CarBlock {
  const subtrees = [left, ...entries.map(({ tree }) => tree)]
  const bytes = encodeNode({
    keys: entries.map(({ key }) => key),
    values: entries.map(({ value }) => value),
    children: subtrees.map((cid) => (cid === null ? null : { cid })),
  })
  return { cid: cidOf(bytes), bytes }
}

/** The root of a repo without records. */
export const EMPTY_TREE: Cid = encodeOpenNode({ left: null, entries: [] }).cid
