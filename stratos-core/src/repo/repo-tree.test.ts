import { encode } from '@atproto/lex-cbor'
import { cidForCbor, type Cid } from '@atproto/lex-data'
import { MST, MemoryBlockstore } from '@atproto/repo'
import { describe, expect, it } from 'vitest'
import { RepoTree } from './repo-tree.ts'
import { layerOf } from './subtree.ts'

const VALUES = await Promise.all(Array.from({ length: 20 }, (_, index) => cidForCbor(encode(index))))
const KEYS = Array.from({ length: 500 }, (_, index) => `c${index % 3}.example.x/k${index}`)
/** Keys of the higher layers make a tree grow and shrink at its top. */
const HIGH = KEYS.filter((key) => layerOf(key) > 1)

/** Gives the same numbers in [0, 1) for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A tree of the library, which keeps all its blocks. */
async function libraryTree(records: ReadonlyMap<string, Cid>): Promise<{ root: string; blocks: string[] }> {
  let tree = await MST.create(new MemoryBlockstore())
  for (const [key, value] of records) tree = await tree.add(key, value)
  const root = await tree.getPointer()
  const { blocks } = await tree.getUnstoredBlocks()
  return { root: root.toString(), blocks: [...blocks.entries()].map(({ cid }) => cid.toString()).sort() }
}

describe('a tree that changes at random', () => {
  it.each([
    ['growing', 1, 0.25, true],
    ['shrinking', 2, 0.6, true],
    ['read anew for each change', 3, 0.45, false],
    ['mostly high', 4, 0.5, true],
  ])('is the tree of the library, node by node: %s', async (name, seed, removals, warm) => {
    const random = seeded(seed)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
    const stored = new Map<string, Uint8Array>()
    const source = { findBlock: async (cid: string) => stored.get(cid) ?? null }
    const records = new Map<string, Cid>()
    let tree = RepoTree.empty(source)
    const [emptyCid, emptyBytes] = [...tree.changeFrom(tree).added][0]!
    stored.set(emptyCid, emptyBytes)

    for (let commit = 0; commit < 250; commit += 1) {
      const before = warm ? tree : RepoTree.load(tree.root!, source)
      let after = before
      for (let change = random() < 0.5 ? 1 : Math.ceil(random() * 12); change > 0; change -= 1) {
        const key = pick(name === 'mostly high' && random() < 0.8 ? HIGH : KEYS)
        const value = pick(VALUES)
        expect(String(await after.find(key))).toBe(String(records.get(key) ?? null))
        if (!records.has(key)) after = await after.insert(key, value)
        else if (random() < removals) after = await after.remove(key)
        else after = await after.replace(key, value)
        if ((await after.find(key)) === null) records.delete(key)
        else records.set(key, value)
      }
      const { root, added, removed } = after.changeFrom(before)
      for (const cid of removed) expect(stored.delete(cid)).toBe(true)
      for (const [cid, bytes] of added) stored.set(cid, bytes)
      const expected = await libraryTree(records)
      expect(root.toString()).toBe(expected.root)
      expect([...stored.keys()].sort()).toEqual(expected.blocks)
      tree = after
    }
  })

  it('comes back to the empty tree', async () => {
    const source = { findBlock: async () => null }
    const empty = RepoTree.empty(source)
    const { root } = empty.changeFrom(empty)
    let tree = empty
    for (const key of KEYS) tree = await tree.insert(key, VALUES[0]!)
    for (const key of KEYS.toReversed()) tree = await tree.remove(key)
    expect(tree.changeFrom(empty).root.equals(root)).toBe(true)
  })
})

describe('a tree', () => {
  it('keeps the version before as it was', async () => {
    const source = { findBlock: async () => null }
    const one = await RepoTree.empty(source).insert('a/1', VALUES[1]!)
    const two = await (await one.replace('a/1', VALUES[2]!)).insert('a/2', VALUES[3]!)
    await two.remove('a/1')
    expect(String(await one.find('a/1'))).toBe(String(VALUES[1]))
    expect(await one.find('a/2')).toBeNull()
    expect(String(await two.find('a/1'))).toBe(String(VALUES[2]))
  })

  it.each(['', 'a', 'a/', '/b', 'a/b/c', 'a/ü', 'a/b c', `a/${'x'.repeat(1_024)}`])(
    'refuses the key %j',
    async (key) => {
      const tree = RepoTree.empty({ findBlock: async () => null })
      await expect(tree.insert(key, VALUES[0]!)).rejects.toThrow('cannot be the key')
    },
  )

  it.each([
    ['no entries', { l: null }],
    ['no left side', { e: [] }],
    ['an entry without a value', { e: [{ k: Uint8Array.of(97), p: 0, t: null }], l: null }],
    ['text for a key', { e: [{ k: 'a', p: 0, t: null, v: VALUES[0]! }], l: null }],
    ['text for a subtree', { e: [], l: 'here' }],
  ])('cannot be read from a block with %s', async (_, block) => {
    const bytes = encode(block)
    const tree = RepoTree.load(await cidForCbor(bytes), { findBlock: async () => bytes })
    await expect(tree.find('a/b')).rejects.toThrow(/is no mst node/)
  })
})
