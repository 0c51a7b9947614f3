/** How a tree changes. What these functions are given stays as it is; see `subtree.ts`. */
import type { Cid } from '@atproto/lex-data'
import type { BlockSource } from './block-source.ts'
import { layerOf, positionOf, Subtree, type TreeNode } from './subtree.ts'

type Child = Subtree | null

/** @returns the value of a key, or null if it is not there */
export async function find(root: Subtree, key: string, source: BlockSource): Promise<Cid | null> {
  let node = await root.open(source)
  for (;;) {
    const at = positionOf(node.keys, key)
    if (node.keys[at] === key) return node.values[at] ?? null
    const child: Child = childAt(node, at)
    if (child === null) return null
    node = await child.open(source, node.layer - 1)
  }
}

/** A tree without keys. */
export function emptyTree(): Subtree {
  return Subtree.made({ layer: 0, keys: [], values: [], children: [null] })
}

/** Adds a key that is not there. */
export async function insert(root: Subtree, key: string, value: Cid, source: BlockSource): Promise<Subtree> {
  const layer = layerOf(key)
  const node = await root.open(source)
  if (layer <= node.layer && !isVoid(node)) return insertBelow(node, key, value, layer, source)
  const [left, right] = isVoid(node) ? [null, null] : await split(root, node.layer, key, source)
  const children = [lift(left, node.layer, layer), lift(right, node.layer, layer)]
  return Subtree.made({ layer, keys: [key], values: [value], children })
}

/** Gives a key that is there another value. */
export async function replace(
  tree: Subtree,
  key: string,
  value: Cid,
  source: BlockSource,
  layer?: number,
): Promise<Subtree> {
  const node = await tree.open(source, layer)
  const at = positionOf(node.keys, key)
  if (node.keys[at] === key) return Subtree.made({ ...node, values: node.values.with(at, value) })
  const child = await replace(presentChild(node, at), key, value, source, node.layer - 1)
  return Subtree.made({ ...node, children: node.children.with(at, child) })
}

/** Takes a key out that is there. */
export async function remove(root: Subtree, key: string, source: BlockSource): Promise<Subtree> {
  let tree = await removeBelow(root, key, source)
  for (;;) {
    const node = await tree.open(source)
    if (node.keys.length > 0) return tree
    const child = childAt(node, 0)
    if (child === null) return emptyTree()
    await child.open(source, node.layer - 1)
    tree = child
  }
}

async function insertBelow(
  node: TreeNode,
  key: string,
  value: Cid,
  layer: number,
  source: BlockSource,
): Promise<Subtree> {
  const at = positionOf(node.keys, key)
  const child = childAt(node, at)
  if (layer === node.layer) {
    const parts = await split(child, layer - 1, key, source)
    return Subtree.made({
      layer,
      keys: node.keys.toSpliced(at, 0, key),
      values: node.values.toSpliced(at, 0, value),
      children: node.children.toSpliced(at, 1, ...parts),
    })
  }
  const below =
    child === null
      ? { layer: node.layer - 1, keys: [], values: [], children: [null] }
      : await child.open(source, node.layer - 1)
  const grown = await insertBelow(below, key, value, layer, source)
  return Subtree.made({ ...node, children: node.children.with(at, grown) })
}

async function removeBelow(
  tree: Subtree,
  key: string,
  source: BlockSource,
  layer?: number,
): Promise<Subtree> {
  const node = await tree.open(source, layer)
  const at = positionOf(node.keys, key)
  if (node.keys[at] !== key) {
    const child = await removeBelow(presentChild(node, at), key, source, node.layer - 1)
    const rest = isVoid(await child.open(source)) ? null : child
    return Subtree.made({ ...node, children: node.children.with(at, rest) })
  }
  const joined = await join(childAt(node, at), childAt(node, at + 1), node.layer - 1, source)
  return Subtree.made({
    layer: node.layer,
    keys: node.keys.toSpliced(at, 1),
    values: node.values.toSpliced(at, 1),
    children: node.children.toSpliced(at, 2, joined),
  })
}

/** Parts a tree into what is before a key and what is after it. */
async function split(tree: Child, layer: number, key: string, source: BlockSource): Promise<[Child, Child]> {
  if (tree === null) return [null, null]
  const { keys, values, children } = await tree.open(source, layer)
  const at = positionOf(keys, key)
  const child = children[at] ?? null
  const [before, after] = await split(child, layer - 1, key, source)
  // What is whole stays as it is, so that it need not be stored again.
  if (at === keys.length && before === child) return [tree, null]
  if (at === 0 && after === child) return [null, tree]
  const left = { layer, keys: keys.slice(0, at), values: values.slice(0, at) }
  const right = { layer, keys: keys.slice(at), values: values.slice(at) }
  return [
    partOf({ ...left, children: [...children.slice(0, at), before] }),
    partOf({ ...right, children: [after, ...children.slice(at + 1)] }),
  ]
}

/** Makes one tree of two, of which the first has the smaller keys. */
async function join(left: Child, right: Child, layer: number, source: BlockSource): Promise<Child> {
  if (left === null || right === null) return left ?? right
  const [a, b] = [await left.open(source, layer), await right.open(source, layer)]
  const middle = await join(childAt(a, a.keys.length), childAt(b, 0), layer - 1, source)
  return Subtree.made({
    layer,
    keys: [...a.keys, ...b.keys],
    values: [...a.values, ...b.values],
    children: [...a.children.slice(0, -1), middle, ...b.children.slice(1)],
  })
}

/** Puts nodes without keys over a tree of one layer, until it can hang under a node of another. */
function lift(tree: Child, from: number, under: number): Child {
  let lifted = tree
  for (let layer = from + 1; lifted !== null && layer < under; layer += 1) {
    lifted = Subtree.made({ layer, keys: [], values: [], children: [lifted] })
  }
  return lifted
}

function partOf(node: TreeNode): Child {
  return isVoid(node) ? null : Subtree.made(node)
}

function isVoid(node: TreeNode): boolean {
  return node.keys.length === 0 && childAt(node, 0) === null
}

function childAt(node: TreeNode, at: number): Child {
  return node.children[at] ?? null
}

function presentChild(node: TreeNode, at: number): Subtree {
  const child = childAt(node, at)
  if (child === null) throw new Error('there is no such key in the tree')
  return child
}
