import { encode } from '@atproto/lex-cbor'
import { CBOR_DATA_CODEC, createCid, SHA256_HASH_CODE, type Cid, type LexValue } from '@atproto/lex-data'
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { readTree } from './read-tree.ts'

/** A store of nodes that are whatever a test wants them to be. */
class Nodes {
  readonly #blocks = new Map<string, Uint8Array>()
  reads = 0

  put(node: LexValue): Cid {
    return this.putBytes(encode(node))
  }

  putBytes(bytes: Uint8Array): Cid {
    const cid = createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, createHash('sha256').update(bytes).digest())
    this.#blocks.set(cid.toString(), bytes)
    return cid
  }

  readonly find = (cid: Cid): Uint8Array | null => {
    this.reads += 1
    return this.#blocks.get(cid.toString()) ?? null
  }
}

const value = new Nodes().put('a record')
const entry = (key: string, tree: Cid | null = null, shared = 0) => ({
  p: shared,
  k: Buffer.from(key),
  v: value,
  t: tree,
})
const refusal = expect.objectContaining({ code: 'InvalidCar' })

it.each<[string, LexValue]>([
  ['no map', 'text'],
  ['no list of entries', { l: null }],
  ['an entry that is none', { l: null, e: [1] }],
  ['an entry without key', { l: null, e: [{ p: 0, v: value, t: null }] }],
  ['an entry without value', { l: null, e: [{ ...entry('a'), v: null }] }],
  ['a link that is none', { l: 'here', e: [] }],
  ['a prefix that is longer than the key before', { l: null, e: [entry('a'), entry('b', null, 2)] }],
  ['a negative prefix', { l: null, e: [entry('a'), entry('b', null, -1)] }],
  ['the same key twice', { l: null, e: [entry('a'), entry('', null, 1)] }],
  ['keys in descending order', { l: null, e: [entry('b'), entry('a')] }],
  ['a key of two kilobytes', { l: null, e: [entry('a'.repeat(2048))] }],
])('a node with %s is refused', (_what, node) => {
  const nodes = new Nodes()
  expect(() => [...readTree(nodes.put(node), nodes.find)]).toThrow(refusal)
})

it.each(['9a01ffffff'.repeat(4), 'ff', '', '81'.repeat(5000)])('the bytes %s are refused', (hex) => {
  const nodes = new Nodes()
  expect(() => [...readTree(nodes.putBytes(Buffer.from(hex, 'hex')), nodes.find)]).toThrow(refusal)
})

it('a node that is missing is refused', () => {
  expect(() => [...readTree(value, () => null)]).toThrow(refusal)
})

it('IMP-013: a tree of 200 levels is refused', () => {
  const nodes = new Nodes()
  let root = nodes.put({ l: null, e: [entry('a')] })
  for (let level = 0; level < 200; level += 1) root = nodes.put({ l: root, e: [] })
  expect(() => [...readTree(root, nodes.find)]).toThrow(refusal)
})

it('IMP-011: a subtree that is used many times is read twice at most', () => {
  const nodes = new Nodes()
  let child = nodes.put({ l: null, e: [entry('a')] })
  for (let level = 0; level < 9; level += 1) {
    child = nodes.put({ l: child, e: Array.from({ length: 10 }, (_, n) => entry(`b${level}${n}`, child)) })
  }
  expect(() => [...readTree(child, nodes.find)]).toThrow(refusal)
  expect(nodes.reads).toBeLessThan(30)
})
