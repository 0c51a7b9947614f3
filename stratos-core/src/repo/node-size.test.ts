import { hash } from 'node:crypto'
import { decode } from '@atproto/lex-cbor'
import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../record/record-block.ts'
import { MemoryRepo } from '../testing/memory-repo.ts'
import { listMemberOf } from '../untyped.ts'
import type { RepoWrite } from './build-commit.ts'
import { createP256Keypair } from './native-keypair.ts'
import { assertNodeSize, MAX_NODE_RECORDS } from './node-size.ts'

const COLLECTION = 'zone.stratos.other'
const UNBALANCED = expect.objectContaining({ code: 'UnbalancedRepo' })

/** Keys on one layer of the tree: those whose hash begins with the same number of pairs of zero bits. */
function keysOn(layer: number, prefix: string, count: number): string[] {
  const keys: string[] = []
  for (let index = 0; keys.length < count; index += 1) {
    const rkey = `${prefix}${String(index).padStart(6, '0')}`
    const first = hash('sha256', `${COLLECTION}/${rkey}`, 'buffer')[0] ?? 0
    const zeros = first >= 64 ? 0 : first >= 16 ? 1 : first >= 4 ? 2 : 3
    if (zeros === layer) keys.push(rkey)
  }
  return keys
}

const { cid, bytes } = await encodeRecord({ $type: COLLECTION })
const create = (rkey: string): RepoWrite => ({
  action: 'create',
  collection: COLLECTION,
  rkey,
  block: { cid, bytes },
})
const remove = (rkey: string): RepoWrite => ({ action: 'delete', collection: COLLECTION, rkey })

/** Most records in one node of a repo. */
function largestNode({ blocks }: MemoryRepo): number {
  return Math.max(...[...blocks.values()].map((bytes) => listMemberOf(decode(bytes), 'e').length))
}

describe('a node of a tree', () => {
  it('holds 256 records of one layer and no more, also by way of a batch', async () => {
    const repo = await MemoryRepo.create('did:plc:alice', createP256Keypair())
    const keys = keysOn(0, 'k', MAX_NODE_RECORDS + 2)
    await repo.commit(keys.slice(0, MAX_NODE_RECORDS - 1).map(create))
    const [last = '', over = '', more = ''] = keys.slice(MAX_NODE_RECORDS - 1)
    await repo.commit([create(last)])
    expect(largestNode(repo)).toBe(MAX_NODE_RECORDS)
    await expect(repo.commit([create(over)])).rejects.toThrow(UNBALANCED)
    await expect(repo.commit([create(over), create(more)])).rejects.toThrow(UNBALANCED)
    // The refused commits changed nothing, and the repo can still be worked with.
    await repo.commit([remove(last), create(over)])
    await repo.commit(keysOn(1, 'k', 3).map(create))
    await repo.commit([create(more)])
  })

  it('does not grow beyond that by the removal of what parts two nodes', async () => {
    const repo = await MemoryRepo.create('did:plc:alice', createP256Keypair())
    await repo.commit(keysOn(0, 'a', 200).map(create))
    const [between = ''] = keysOn(1, 'b', 1)
    await repo.commit([create(between)])
    await repo.commit(keysOn(0, 'c', 200).map(create))
    await expect(repo.commit([remove(between)])).rejects.toThrow(UNBALANCED)
    const [first = ''] = keysOn(0, 'a', 1)
    await repo.commit([...keysOn(0, 'c', 150).map(remove), remove(between), remove(first)])
  })

  it('stays far below the limit where nobody chose the keys for their hashes', async () => {
    const repo = await MemoryRepo.create('did:plc:alice', createP256Keypair())
    for (let batch = 0; batch < 20; batch += 1) {
      const rkeys = Array.from({ length: 200 }, (_, index) => `3k${batch * 200 + index}`)
      await repo.commit(rkeys.map(create))
    }
    expect(largestNode(repo)).toBeLessThan(64)
  })

  // The chance that some node is larger, over a million million commits with twenty new nodes each: below 2^-60.
  it('has a limit that chance does not reach', () => {
    expect(Math.log2(0.75) * MAX_NODE_RECORDS + Math.log2(20e12)).toBeLessThan(-60)
    expect(() => assertNodeSize(MAX_NODE_RECORDS)).not.toThrow()
    expect(() => assertNodeSize(MAX_NODE_RECORDS + 1)).toThrow(UNBALANCED)
  })
})
