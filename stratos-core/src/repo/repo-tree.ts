import type { Cid } from '@atproto/lex-data'
import { MST } from '@atproto/repo'
import { cidOf, encodeNode } from './encode-node.ts'
import { type BlockSource, NodeStore } from './node-store.ts'
import { assertNodeSize } from './node-size.ts'

/**
 * The MST of one version of a repo, with those of its nodes in memory that were looked at. Keeping it from one commit to
 * the next saves reading and decoding the path to where most records go. Immutable but for nodes being loaded.
 */
export class RepoTree {
  readonly mst: MST
  readonly #store: NodeStore

  private constructor(mst: MST, store: NodeStore) {
    this.mst = mst
    this.#store = store
  }

  /** @param root CID of the MST's root node; nothing is read yet */
  static load(root: Cid, source: BlockSource): RepoTree {
    const store = new NodeStore(source)
    return new RepoTree(MST.load(store, root), store)
  }

  /** The same tree, reading what is not in memory from `source` from now on. */
  readFrom(source: BlockSource): RepoTree {
    this.#store.readFrom(source)
    return this
  }

  /** @param key `collection/rkey` @returns CID of the record, or null */
  async find(key: string): Promise<Cid | null> {
    return this.mst.get(key)
  }

  /** A later version of this tree. */
  next(mst: MST): RepoTree {
    return new RepoTree(mst, this.#store)
  }
}

export interface TreeChange {
  /** CID of the new root. */
  readonly root: Cid
  /** New nodes by CID (base32), children first. */
  readonly added: Map<string, Uint8Array>
  /** CIDs of the nodes that the new version does not have. */
  readonly removed: string[]
}

/**
 * Encodes what is new in `after` and names what only `before` has. Looks at the changed paths alone: below a node that has
 * not changed nothing has.
 *
 * @throws {StratosError} `UnbalancedRepo` if a new node is too large
 */
export function diffTrees(before: MST, after: MST): TreeChange {
  const added = new Map<string, Uint8Array>()
  const kept = new Set<string>()
  const encode = (node: MST): void => {
    if (!node.outdatedPointer) {
      kept.add(node.pointer.toString())
      return
    }
    const entries = node.entries ?? []
    assertNodeSize(entries.filter((entry) => entry.isLeaf()).length)
    for (const entry of entries) if (entry.isTree()) encode(entry)
    const bytes = encodeNode(entries)
    const cid = cidOf(bytes)
    node.pointer = cid
    node.outdatedPointer = false
    added.set(cid.toString(), bytes)
  }
  encode(after)

  const removed: string[] = []
  const collect = (node: MST): void => {
    const cid = node.pointer.toString()
    if (kept.has(cid)) return
    if (!added.has(cid)) removed.push(cid)
    // What was never loaded was not changed either, and so is among the kept.
    for (const entry of node.entries ?? []) if (entry.isTree()) collect(entry)
  }
  collect(before)
  return { root: after.pointer, added, removed }
}
