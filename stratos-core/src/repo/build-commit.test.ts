import * as atcuteCbor from '@atcute/cbor'
import { verifySigWithDidKey } from '@atcute/crypto'
import * as atcuteMst from '@atcute/mst'
import { BlockMap, MST, MemoryBlockstore, verifyRepo } from '@atproto/repo'
import { cidForCbor, parseCid } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import type { Did, Rkey } from '../ids.ts'
import { type RecordBlock, encodeRecord } from '../record/record-block.ts'
import { MemoryRepo } from '../testing/memory-repo.ts'
import { type BuiltCommit, type RepoWrite, buildCommit, buildInitialCommit } from './build-commit.ts'
import vectors from './build-commit.vectors.json' with { type: 'json' }
import { collectRepoBlocks } from './collect-blocks.ts'
import { createP256Keypair } from './native-keypair.ts'

const DID: Did = 'did:plc:alice'
const COLLECTION = 'zone.stratos.feed.post'
const keypair = createP256Keypair()

const block = (text: string): Promise<RecordBlock> => encodeRecord({ $type: COLLECTION, text })
const put = async (action: 'create' | 'update', rkey: Rkey, text: string): Promise<RepoWrite> => ({
  action,
  collection: COLLECTION,
  rkey,
  block: await block(text),
})
const create = (rkey: Rkey, text: string) => put('create', rkey, text)
const update = (rkey: Rkey, text: string) => put('update', rkey, text)
const remove = (rkey: Rkey): RepoWrite => ({ action: 'delete', collection: COLLECTION, rkey })

/** The commit block as an independent library reads it, split into what was signed and the signature. */
function decodeCommit({ cid, newBlocks }: BuiltCommit) {
  const { sig, ...unsigned } = atcuteCbor.decode(newBlocks.get(cid.toString())!) as { sig: atcuteCbor.Bytes }
  return { sig: Uint8Array.from(atcuteCbor.fromBytes(sig)), unsigned, signed: atcuteCbor.encode(unsigned) }
}

async function reachable(repo: MemoryRepo): Promise<string[]> {
  const cids: string[] = []
  for await (const some of collectRepoBlocks(repo, repo.head.cid))
    cids.push(...some.map(({ cid }) => cid.toString()))
  return cids.sort()
}

describe('buildInitialCommit', () => {
  it('signs the known bytes over the known empty tree', async () => {
    const { did, rev, hex } = vectors.unsignedCommit
    const commit = await buildInitialCommit({ did: did as Did, rev, keypair })
    const { sig, signed } = decodeCommit(commit)
    expect(Buffer.from(signed).toString('hex')).toBe(hex)
    expect(commit.data.toString()).toBe(vectors.emptyNode.cid)
    expect(Buffer.from(commit.newBlocks.get(vectors.emptyNode.cid)!).toString('hex')).toBe(
      vectors.emptyNode.hex,
    )
    expect(sig).toHaveLength(64)
    expect(await verifySigWithDidKey(keypair.did(), sig, signed)).toBe(true)
  })

  it('adds the commit and the empty tree and nothing else', async () => {
    const commit = await buildInitialCommit({ did: DID, rev: '3jzfcijpj2z2a', keypair })
    expect([...commit.newBlocks.keys()].sort()).toEqual(
      [commit.cid.toString(), commit.data.toString()].sort(),
    )
    expect(commit).toMatchObject({ prev: null, since: null, removedCids: [], removedRecordCids: [], ops: [] })
  })
})

describe('buildCommit', () => {
  it('adds a record and supersedes the commit and the tree before', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    const before = repo.head
    const write = await create('3jzfcijpj2z2a', 'hello')
    const commit = await repo.commit([write])
    const { cid } = await block('hello')

    expect(commit).toMatchObject({ prev: before.cid, since: before.rev, removedRecordCids: [] })
    expect([...commit.removedCids].sort()).toEqual([before.cid.toString(), before.data.toString()].sort())
    expect(commit.ops).toEqual([
      { action: 'create', collection: COLLECTION, rkey: '3jzfcijpj2z2a', cid, prev: null },
    ])
    const added = [commit.cid, commit.data, cid].map(String)
    expect([...commit.newBlocks.keys()].sort()).toEqual(added.sort())
  })

  it('signs version 3 with the new tree and revision, without naming the commit before', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    const commit = await repo.commit([await create('1', 'hello')])
    const { sig, unsigned, signed } = decodeCommit(commit)
    const data = { $link: commit.data.toString() }
    expect(JSON.parse(JSON.stringify(unsigned))).toEqual({
      did: DID,
      version: 3,
      data,
      rev: commit.rev,
      prev: null,
    })
    expect(await verifySigWithDidKey(keypair.did(), sig, signed)).toBe(true)
  })

  it('names what a record was before an update and a delete', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    await repo.commit([await create('1', 'old')])
    const [first, second] = [(await block('old')).cid, (await block('new')).cid]

    const updated = await repo.commit([await update('1', 'new')])
    expect(updated.ops).toEqual([
      { action: 'update', collection: COLLECTION, rkey: '1', cid: second, prev: first },
    ])
    expect(updated.removedRecordCids).toEqual([first.toString()])

    const deleted = await repo.commit([remove('1')])
    expect(deleted.ops).toEqual([
      { action: 'delete', collection: COLLECTION, rkey: '1', cid: null, prev: second },
    ])
    expect(deleted.removedRecordCids).toEqual([second.toString()])
    expect(deleted.data.toString()).toBe(vectors.emptyNode.cid)
  })

  it('keeps only the net effect of several writes to one key', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    await repo.commit([await create('kept', 'old')])
    const old = (await block('old')).cid.toString()

    const commit = await repo.commit([
      await create('gone', 'never seen'),
      remove('gone'),
      await update('kept', 'in between'),
      await update('kept', 'old'),
    ])
    expect(commit.ops).toHaveLength(4)
    expect(commit.removedRecordCids).toEqual([])
    expect([...commit.newBlocks.keys()].sort()).toEqual(
      [commit.cid.toString(), commit.data.toString(), old].sort(),
    )
    expect([...repo.blocks.keys()].sort()).toEqual(await reachable(repo))
  })

  it('leaves a shared record to the store while another key still has it', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    await repo.commit([await create('1', 'same'), await create('2', 'same')])
    const shared = (await block('same')).cid.toString()

    const commit = await repo.commit([remove('1')])
    expect(commit.removedRecordCids).toEqual([shared])
    expect(commit.removedCids).not.toContain(shared)
    expect([...repo.blocks.keys()].sort()).toEqual(await reachable(repo))
    await repo.commit([remove('2')])
    expect(repo.blocks.has(shared)).toBe(false)
  })

  it('does not remove a record that moves from one key to another', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    await repo.commit([await create('1', 'same')])
    const commit = await repo.commit([remove('1'), await create('2', 'same')])
    expect(commit.removedRecordCids).toEqual([])
    expect([...repo.blocks.keys()].sort()).toEqual(await reachable(repo))
  })

  it('signs a new commit over the same tree when an update changes nothing', async () => {
    const repo = await MemoryRepo.create(DID, keypair)
    const before = await repo.commit([await create('1', 'same')])
    const commit = await repo.commit([await update('1', 'same')])
    expect(commit.data.equals(before.data)).toBe(true)
    expect(commit.removedCids).toEqual([before.cid.toString()])
    expect([...repo.blocks.keys()].sort()).toEqual(await reachable(repo))
  })

  it.each([
    ['a create on a key in use', async () => [await create('1', 'again')], 'RecordAlreadyExists'],
    ['a create twice', async () => [await create('2', 'a'), await create('2', 'b')], 'RecordAlreadyExists'],
    ['an update of nothing', async () => [await update('2', 'x')], 'RecordNotFound'],
    ['a delete of nothing', async () => [remove('2')], 'RecordNotFound'],
    ['a delete twice', async () => [remove('1'), remove('1')], 'RecordNotFound'],
    ['no write', async () => [], 'InvalidRequest'],
  ] as const)('refuses %s and leaves the repo as it is', async (_, writes, code) => {
    const repo = await MemoryRepo.create(DID, keypair)
    await repo.commit([await create('1', 'hello')])
    const before = new Map(repo.blocks)
    await expect(repo.build(await writes())).rejects.toMatchObject({ code })
    expect(repo.blocks).toEqual(before)
  })

  it.each([
    ['missing', null],
    ['something else', new Uint8Array([0xa0])],
  ])('fails when a node of the tree is %s', async (_, stored) => {
    const { did, head } = await MemoryRepo.create(DID, keypair)
    const writes = [await create('1', 'hello')]
    const blocks = { findBlock: async () => stored }
    const built = buildCommit({ did, previous: head, rev: '3jzfcijpj2z2a', writes, blocks, keypair })
    await expect(built).rejects.toThrow(/mst node/)
  })
})

describe('a repo after many random commits', () => {
  // Enough keys for four layers of the tree, so that nodes are split, merged, and trimmed from the top.
  const KEYS = Array.from({ length: 300 }, (_, index) => `key-${index}`)
  const COMMITS = 60

  it.each([1, 2, 3])(
    'is the tree of its records, with no block too many or too few (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const repo = await MemoryRepo.create(DID, keypair)
      // Keeps everything ever stored, so that two versions of the tree can be compared.
      const everything = new Map<string, Uint8Array>(repo.blocks)
      for (let count = 0; count < COMMITS; count++) {
        const before = repo.head
        const commit = await repo.commit(
          await randomWrites(repo, random, KEYS, count < COMMITS / 2 ? 0.3 : 0.7),
        )
        for (const [cid, bytes] of commit.newBlocks) everything.set(cid, bytes)

        const { sig, signed } = decodeCommit(commit)
        expect(await verifySigWithDidKey(keypair.did(), sig, signed)).toBe(true)
        expect(commit.data.toString()).toBe(await rootOfFreshTree(repo.records))
        expect([...repo.blocks.keys()].sort()).toEqual(await reachable(repo))
        const { created, deleted } = await nodeDiff(
          everything,
          before.data.toString(),
          commit.data.toString(),
        )
        const nodes = [...commit.newBlocks.keys()].filter((cid) => created.has(cid))
        expect(nodes.sort()).toEqual([...created].sort())
        expect([...commit.removedCids].sort()).toEqual([...deleted, before.cid.toString()].sort())
      }
      await expectVerified(repo)
    },
  )
})

async function randomWrites(
  repo: MemoryRepo,
  random: () => number,
  keys: string[],
  deletes: number,
): Promise<RepoWrite[]> {
  const size = random() < 0.5 ? 1 : 1 + Math.floor(random() * 30)
  const picked = new Set(Array.from({ length: size }, () => keys[Math.floor(random() * keys.length)] ?? ''))
  const writes: RepoWrite[] = []
  for (const rkey of picked) {
    const exists = repo.records.has(`${COLLECTION}/${rkey}`)
    // Few texts, so that records share blocks.
    const text = `text ${Math.floor(random() * 40)}`
    if (!exists) writes.push(await create(rkey, text))
    else if (random() < deletes) writes.push(remove(rkey))
    else writes.push(await update(rkey, text))
  }
  return writes
}

/** What the official library makes of all blocks together, each of which its CID names. */
async function expectVerified(repo: MemoryRepo): Promise<void> {
  const blocks = new BlockMap()
  for (const [cid, bytes] of repo.blocks) {
    expect((await cidForCbor(bytes)).toString()).toBe(cid)
    blocks.set(parseCid(cid), bytes)
  }
  const { creates } = await verifyRepo(blocks, repo.head.cid, DID, keypair.did())
  const verified = creates.map(
    ({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid.toString()] as const,
  )
  expect(new Map(verified)).toEqual(repo.records)
}

async function rootOfFreshTree(records: ReadonlyMap<string, string>): Promise<string> {
  let tree = await MST.create(new MemoryBlockstore())
  for (const [key, cid] of records) tree = await tree.add(key, parseCid(cid))
  return (await tree.getPointer()).toString()
}

async function nodeDiff(blocks: ReadonlyMap<string, Uint8Array>, before: string, after: string) {
  const store = new atcuteMst.MemoryBlockStore(
    new Map([...blocks].map(([cid, bytes]) => [cid, Uint8Array.from(bytes)])),
  )
  const [created, deleted] = await atcuteMst.mstDiff(new atcuteMst.NodeStore(store), before, after)
  return { created, deleted }
}

/** A small generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
