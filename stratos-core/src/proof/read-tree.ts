/**
 * Reading an MST that somebody else made.
 *
 * @see https://atproto.com/specs/repository#mst-structure
 */
import { type Cid, isCid } from '@atproto/lex-data'
import { StratosError } from '../errors.ts'
import { decodeCanonical } from '../record/canonical-cbor.ts'
import { listMemberOf, memberOf } from '../untyped.ts'

/** Deeper than any tree of keys that somebody could find. */
const MAX_DEPTH = 64
const MAX_KEY_LENGTH = 1024

export interface TreeEntry {
  /** `collection/rkey`; its syntax was not looked at. */
  readonly key: string
  readonly value: Cid
}

/**
 * Yields the entries of a tree in the order of their keys. The keys ascend strictly, so that a subtree which is used twice
 * ends the walk; that the tree has the shape it must have is for the caller to check (see `SortedTree`).
 *
 * @param findBlock blocks whose CIDs were checked
 * @throws {StratosError} `InvalidCar` for a block that is missing or no node, keys that do not ascend, or too great a depth
 */
export function* readTree(
  root: Cid,
  findBlock: (cid: Cid) => Uint8Array | null,
): Generator<TreeEntry, void, undefined> {
  let latest = ''
  // From the root down to where the walk is.
  const path: OpenNode[] = []
  const descend = (cid: Cid | null) => {
    for (let next = cid; next !== null;) {
      if (path.length > MAX_DEPTH) throw invalidTree('it is too deep')
      const { left, entries } = readNode(next, findBlock)
      path.push({ entries, at: 0, previous: '' })
      next = left
    }
  }
  descend(root)
  for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
    const entry = node.entries[node.at]
    if (entry === undefined) {
      path.pop()
      continue
    }
    const key = keyOf(entry, node.previous)
    if (key <= latest) throw invalidTree('its keys are not in order')
    latest = key
    node.previous = key
    node.at += 1
    yield { key, value: linkOf(entry, 'v') ?? fail('an entry has no value') }
    descend(linkOf(entry, 't'))
  }
}

/** A node on the way to where a walk is. */
interface OpenNode {
  readonly entries: readonly unknown[]
  /** How many of them were passed. */
  at: number
  /** Key of the last of those. */
  previous: string
}

/**
 * Looks for one key, along one path.
 *
 * @returns null if the tree does not have it
 * @throws as `readTree`
 */
export function findInTree(root: Cid, key: string, findBlock: (cid: Cid) => Uint8Array | null): Cid | null {
  let next: Cid | null = root
  for (let depth = 0; next !== null; depth += 1) {
    if (depth > MAX_DEPTH) throw invalidTree('it is too deep')
    const node = readNode(next, findBlock)
    let before = node.left
    let previous = ''
    for (const entry of node.entries) {
      previous = keyOf(entry, previous)
      if (previous === key) return linkOf(entry, 'v')
      if (previous > key) break
      before = linkOf(entry, 't')
    }
    next = before
  }
  return null
}

function readNode(
  cid: Cid,
  findBlock: (cid: Cid) => Uint8Array | null,
): { left: Cid | null; entries: readonly unknown[] } {
  const bytes = findBlock(cid)
  if (bytes === null) throw invalidTree(`block ${cid.toString()} is missing`)
  let node: unknown
  try {
    node = decodeCanonical(bytes)
  } catch (err) {
    throw invalidTree(`block ${cid.toString()} is not DAG-CBOR`, err)
  }
  if (!Array.isArray(memberOf(node, 'e'))) throw invalidTree(`block ${cid.toString()} is no node`)
  return { left: linkOf(node, 'l'), entries: listMemberOf(node, 'e') }
}

function keyOf(entry: unknown, previous: string): string {
  const shared = memberOf(entry, 'p')
  const rest = memberOf(entry, 'k')
  if (typeof shared !== 'number' || !(rest instanceof Uint8Array) || shared > previous.length || shared < 0) {
    throw invalidTree('an entry has no key')
  }
  const key = previous.slice(0, shared) + asciiOf(rest)
  if (key.length > MAX_KEY_LENGTH) throw invalidTree('a key is too long')
  return key
}

/** Bytes as characters: keys are ASCII, and what is not is no key later on. */
function asciiOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAX_KEY_LENGTH + 1))
}

function linkOf(value: unknown, name: string): Cid | null {
  const link = memberOf(value, name)
  if (link === null) return null
  if (isCid(link, { flavor: 'cbor' })) return link
  throw invalidTree('it has a link that is none')
}

function fail(message: string): never {
  throw invalidTree(message)
}

function invalidTree(message: string, cause?: unknown): StratosError {
  return new StratosError('InvalidCar', `not a usable tree of records: ${message}`, { cause })
}
