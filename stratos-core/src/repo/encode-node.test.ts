import { encode } from '@atproto/lex-cbor'
import { cidForCbor, type Cid } from '@atproto/lex-data'
import { MST, MemoryBlockstore } from '@atproto/repo'
import { describe, expect, it } from 'vitest'
import { cidOf, encodeNode } from './encode-node.ts'
import { Subtree, type TreeNode } from './subtree.ts'

const cidOfText = (text: string): Promise<Cid> => cidForCbor(encode(text))

async function treeOf(keys: readonly string[]): Promise<MST> {
  let tree = await MST.create(new MemoryBlockstore())
  for (const key of keys) tree = await tree.add(key, await cidOfText(key))
  await tree.getPointer()
  return tree
}

function* nodesOf(tree: MST): Generator<MST> {
  yield tree
  for (const entry of tree.entries ?? []) if (entry.isTree()) yield* nodesOf(entry)
}

/** A node of the library's as one of ours. */
function nodeOf(tree: MST): TreeNode {
  const keys: string[] = []
  const values: Cid[] = []
  const children: (Subtree | null)[] = [null]
  for (const entry of tree.entries ?? []) {
    if (entry.isTree()) children[keys.length] = Subtree.stored(entry.pointer)
    else {
      keys.push(entry.key)
      values.push(entry.value)
      children.push(null)
    }
  }
  return { layer: 0, keys, values, children }
}

describe('encodeNode', () => {
  it.each([
    ['no record', []],
    [
      'records of one collection',
      Array.from({ length: 600 }, (_, index) => `zone.stratos.feed.post/3k${index}`),
    ],
    [
      'records of many collections',
      Array.from({ length: 300 }, (_, index) => `c${index % 40}.example.x/${index}`),
    ],
    [
      'very long keys',
      Array.from({ length: 60 }, (_, index) => `c.example.x/${'x'.repeat(index * 8)}${index}`),
    ],
    ['keys of one letter', Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => `c.example.x/${letter}`)],
  ])('makes the bytes and the CID that the library makes of a tree with %s', async (_, keys) => {
    for (const node of nodesOf(await treeOf(keys))) {
      const { cid, bytes } = await node.serialize()
      const encoded = encodeNode(nodeOf(node))
      expect(Buffer.from(encoded).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
      expect(cidOf(encoded).toString()).toBe(cid.toString())
    }
  })

  it('makes the bytes of a node with more than 256 records', async () => {
    const [leaf] = (await treeOf(['c.example.x/a'])).entries ?? []
    const entries = Array.from({ length: 300 }, () => leaf!)
    const node = await MST.create(new MemoryBlockstore(), entries)
    expect(Uint8Array.from(encodeNode(nodeOf(node)))).toEqual(Uint8Array.from((await node.serialize()).bytes))
  })
})
