import type { Cid } from '@atproto/lex-data'
import type { BlockSource } from './block-source.ts'
import { emptyTree, find, insert, remove, replace } from './edit-tree.ts'
import { cidOf, encodeNode } from './encode-node.ts'
import { assertNodeSize } from './node-size.ts'
import { Subtree } from './subtree.ts'

const MAX_KEY_LENGTH = 1_024
/** As in the repository specification. The tree is ordered by bytes, which these characters are as well as code units. */
const KEY = /^[a-zA-Z0-9_~\-:.]+\/[a-zA-Z0-9_~\-:.]+$/

/**
 * The MST of one version of a repo, with those of its nodes in memory that were looked at. Keeping it from one commit to
 * the next saves reading and decoding the path to where most records go. Keys are `collection/rkey`.
 *
 * Immutable, but for nodes being loaded and new ones being encoded.
 *
 * @see https://atproto.com/specs/repository#mst-structure
 */
export class RepoTree {
  readonly #root: Subtree
  /** The same for all versions: a tree that is kept outlives the transaction that it was read in. */
  readonly #from: { source: BlockSource }

  private constructor(root: Subtree, from: { source: BlockSource }) {
    this.#root = root
    this.#from = from
  }

  /** @param root CID of the root node; nothing is read yet */
  static load(root: Cid, source: BlockSource): RepoTree {
    return new RepoTree(Subtree.stored(root), { source })
  }

  /** The tree of a repo without records. */
  static empty(source: BlockSource): RepoTree {
    return new RepoTree(emptyTree(), { source })
  }

  /** CID of the root node; null while some of the tree is not encoded. */
  get root(): Cid | null {
    return this.#root.cid
  }

  /** The same tree, reading what is not in memory from `source` from now on. */
  readFrom(source: BlockSource): RepoTree {
    this.#from.source = source
    return this
  }

  /** @returns CID of the record, or null if there is none */
  async find(key: string): Promise<Cid | null> {
    return find(this.#root, key, this.#from.source)
  }

  /** @param key that is not there */
  async insert(key: string, value: Cid): Promise<RepoTree> {
    if (key.length > MAX_KEY_LENGTH || !KEY.test(key)) throw new Error('this cannot be the key of a record')
    return this.#next(await insert(this.#root, key, value, this.#from.source))
  }

  /** @param key that is there */
  async replace(key: string, value: Cid): Promise<RepoTree> {
    return this.#next(await replace(this.#root, key, value, this.#from.source))
  }

  /** @param key that is there */
  async remove(key: string): Promise<RepoTree> {
    return this.#next(await remove(this.#root, key, this.#from.source))
  }

  /**
   * Encodes what is new in this tree and names what only `before` has. Looks at the changed paths alone: below a node that
   * has not changed nothing has.
   *
   * @param before of which this tree was made
   * @throws {StratosError} `UnbalancedRepo` if a new node is too large
   */
  changeFrom(before: RepoTree): TreeChange {
    const added = new Map<string, Uint8Array>()
    const kept = new Set<string>()
    const root = encode(this.#root, added, kept)
    const removed: string[] = []
    collect(before.#root, added, kept, removed)
    return { root, added, removed }
  }

  #next(root: Subtree): RepoTree {
    return new RepoTree(root, this.#from)
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

function encode(tree: Subtree, added: Map<string, Uint8Array>, kept: Set<string>): Cid {
  if (tree.cid !== null) {
    kept.add(tree.name)
    return tree.cid
  }
  const { node } = tree
  if (node === null) throw new Error('a subtree is neither stored nor in memory')
  assertNodeSize(node.keys.length)
  for (const child of node.children) if (child !== null) encode(child, added, kept)
  const bytes = encodeNode(node)
  tree.cid = cidOf(bytes)
  added.set(tree.name, bytes)
  return tree.cid
}

function collect(
  tree: Subtree,
  added: ReadonlyMap<string, Uint8Array>,
  kept: ReadonlySet<string>,
  removed: string[],
): void {
  if (kept.has(tree.name)) return
  if (!added.has(tree.name)) removed.push(tree.name)
  // What was never loaded was not changed either, and so is among the kept.
  for (const child of tree.node?.children ?? []) if (child !== null) collect(child, added, kept, removed)
}
