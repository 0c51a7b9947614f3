import { StratosError } from '../errors.ts'

/**
 * Most records that one node of a repo's tree may hold.
 *
 * A key lands one layer up with a chance of one in four, so the next key of a node is in the same node with a chance of
 * three in four at most: a node has more than 256 with a chance of (3/4)^256, less than 2^-106. Repos with keys that nobody
 * chose for their hashes never meet it. Whoever does choose them could otherwise put the whole repo into one node, and
 * have it read and written anew with every commit.
 *
 * @see https://atproto.com/specs/repository#mst-structure
 */
export const MAX_NODE_RECORDS = 256

/**
 * Checks a node before it becomes part of a repo, by a commit or by an import.
 *
 * @param records how many records the node itself holds, without those of nodes below it
 * @throws {StratosError} `UnbalancedRepo`
 */
export function assertNodeSize(records: number): void {
  if (records <= MAX_NODE_RECORDS) return
  throw new StratosError(
    'UnbalancedRepo',
    `more than ${MAX_NODE_RECORDS} record keys would share one node of the repo's tree; use keys made from the time`,
  )
}
