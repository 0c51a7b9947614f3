import type { Cid, Did } from 'stratos-core'
import { decodeTreeNode, type BlockSource, type TreeNode } from 'stratos-core/repo'

const MAX_BYTES = 32 * 1024 * 1024
/** A node with its keys and links as values takes several times its bytes. */
const BYTES_PER_BYTE = 6

/**
 * MST nodes of the repos that were proven last. A CID names the same bytes for ever, so nothing here can become wrong: not
 * by a commit, nor by one that is rolled back, nor by another instance. Which nodes are a repo's today, its head says.
 *
 * Each repo has its own: whether somebody else has a block is nobody's business.
 */
export class TreeNodes {
  /** In order of last use. */
  readonly #nodes = new Map<string, TreeNode>()
  #bytes = 0

  /** @throws {MissingBlock} if the repo does not have the block, or no longer */
  async read(did: Did, source: BlockSource, cid: Cid): Promise<TreeNode> {
    const text = cid.toString()
    const key = `${did} ${text}`
    const known = this.#nodes.get(key)
    if (known !== undefined) {
      this.#nodes.delete(key)
      this.#nodes.set(key, known)
      return known
    }
    const bytes = await source.findBlock(text)
    if (bytes === null) throw new MissingBlock(text)
    const node = decodeTreeNode(cid, bytes)
    this.#keep(key, node)
    return node
  }

  #keep(key: string, node: TreeNode): void {
    if (this.#nodes.has(key)) return
    this.#nodes.set(key, node)
    this.#bytes += weightOf(node)
    for (const [idlest, dropped] of this.#nodes) {
      if (this.#bytes <= MAX_BYTES) break
      this.#nodes.delete(idlest)
      this.#bytes -= weightOf(dropped)
    }
  }
}

/** A block that the repo had a moment ago: a commit has superseded it meanwhile. */
export class MissingBlock extends Error {
  override name = 'MissingBlock'

  constructor(cid: string) {
    super(`block ${cid} of the repo is missing`)
  }
}

function weightOf({ bytes }: TreeNode): number {
  return bytes.length * BYTES_PER_BYTE
}
