import * as atcute from '@atcute/mst'
import { MemoryBlockstore, MST } from '@atproto/repo'
import { createCid, SHA256_HASH_CODE, CBOR_DATA_CODEC } from '@atproto/lex-data'
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { CarBlock } from './write-car.ts'
import { findInTree, readTree } from '../proof/read-tree.ts'
import { EMPTY_TREE, SortedTree } from './sorted-tree.ts'
import { layerOf } from './subtree.ts'

const cidOfText = (text: string) =>
  createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, createHash('sha256').update(text).digest())

/** Keys that differ from run to run of the suite in number only. */
const keysOf = (count: number) =>
  Array.from(
    { length: count },
    (_, n) => `com.example.n${n % 3}/${createHash('md5').update(`${n}`).digest('hex')}`,
  ).sort()

function build(keys: readonly string[]) {
  const nodes = new Map<string, Uint8Array>()
  const keep = ({ cid, bytes }: CarBlock) => void nodes.set(cid.toString(), bytes)
  const tree = new SortedTree(keep)
  for (const key of keys) tree.add(key, cidOfText(key))
  return { root: tree.root(keep), nodes }
}

describe('a tree built from sorted keys', () => {
  it.each([0, 1, 2, 3, 10, 100, 700])(
    'has the root that the official library finds for %d keys',
    async (count) => {
      const keys = keysOf(count)
      let official = await MST.create(new MemoryBlockstore())
      for (const key of keys) official = await official.add(key, cidOfText(key))
      expect(build(keys).root.toString()).toBe((await official.getPointer()).toString())
    },
  )

  it('has the root that an independent library finds', async () => {
    const keys = keysOf(300)
    const store = new atcute.NodeStore(new atcute.MemoryBlockStore())
    const wrangler = new atcute.NodeWrangler(store)
    let root: string | null = null
    for (const key of keys) root = await wrangler.putRecord(root, key, { $link: cidOfText(key).toString() })
    expect(build(keys).root.toString()).toBe(root)
  })

  it('can name its root at any time without being changed by it', () => {
    const keys = keysOf(200)
    const tree = new SortedTree(() => undefined)
    keys.forEach((key, index) => {
      tree.add(key, cidOfText(key))
      expect(tree.root(() => undefined)).toEqual(build(keys.slice(0, index + 1)).root)
    })
  })

  it('goes two ways from a fork on', () => {
    const keys = keysOf(200)
    const left = keys.filter((_, index) => index < 100 || index % 2 === 0)
    const tree = new SortedTree(() => undefined)
    for (const key of keys.slice(0, 100)) tree.add(key, cidOfText(key))
    const fork = tree.fork(() => undefined)
    for (const key of keys.slice(100)) tree.add(key, cidOfText(key))
    for (const key of left.slice(100)) fork.add(key, cidOfText(key))
    expect(tree.root(() => undefined)).toEqual(build(keys).root)
    expect(fork.root(() => undefined)).toEqual(build(left).root)
  })

  it('is read back in order, and every key is found along its path', () => {
    const keys = keysOf(300)
    const { root, nodes } = build(keys)
    const find = (cid: { toString(): string }) => nodes.get(cid.toString()) ?? null
    expect([...readTree(root, find)].map(({ key }) => key)).toEqual(keys)
    for (const key of keys) expect(findInTree(root, key, find)?.toString()).toBe(cidOfText(key).toString())
    expect(findInTree(root, 'com.example.n1/0', find)).toBeNull()
  })

  it('without keys is the root of every empty repo', () => {
    expect(EMPTY_TREE.toString()).toBe('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm')
  })
})

// From the tests of the protocol's own implementations.
it.each([
  ['2653ae71', 0],
  ['blue', 1],
  ['app.bsky.feed.post/454397e440ec', 4],
  ['app.bsky.feed.post/9adeb165882c', 8],
])('the layer of %s is %d', (key, layer) => {
  expect(layerOf(key)).toBe(layer)
})
