import { P256PublicKey } from '@atcute/crypto'
import * as atcuteCrypto from '@atcute/crypto'
import * as atcuteRepo from '@atcute/repo'
import { readCarWithRoot, verifyRepo, verifyRepoCar } from '@atproto/repo'
import { describe, expect, it } from 'vitest'
import type { Did } from '../ids.ts'
import { encodeRecord } from '../record/record-block.ts'
import { MemoryRepo } from '../testing/memory-repo.ts'
import type { RepoWrite } from './build-commit.ts'
import { collectRepoBlocks } from './collect-blocks.ts'
import { writeCar } from './write-car.ts'
import { createP256Keypair } from './native-keypair.ts'

const DID = 'did:plc:alice' satisfies Did
const COLLECTION = 'zone.stratos.feed.post'
const keypair = createP256Keypair()

async function repoWith(count: number, texts = count): Promise<MemoryRepo> {
  const repo = await MemoryRepo.create(DID, keypair)
  const writes: RepoWrite[] = []
  for (let index = 0; index < count; index++) {
    const block = await encodeRecord({ $type: COLLECTION, text: `text ${index % texts}` })
    writes.push({ action: 'create', collection: COLLECTION, rkey: `key-${index}`, block })
  }
  if (count > 0) await repo.commit(writes)
  return repo
}

async function carOf(repo: MemoryRepo): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeCar([repo.head.cid], collectRepoBlocks(repo, repo.head.cid)))
    chunks.push(chunk)
  return Uint8Array.from(Buffer.concat(chunks))
}

describe('an exported repo', () => {
  it.each([0, 1, 50, 1000])('with %i records is accepted by @atproto/repo', async (count) => {
    const repo = await repoWith(count)
    const car = await carOf(repo)
    const { root, blocks } = await readCarWithRoot(car)
    expect(root.equals(repo.head.cid)).toBe(true)
    expect(blocks.size).toBe(repo.blocks.size)
    const verified = await verifyRepo(blocks, root, DID, keypair.did())
    expect(verified.creates).toHaveLength(count)
    expect(verified.commit.rev).toBe(repo.head.rev)
  })

  it('is accepted by @atcute/repo, record by record and with its signature', async () => {
    const repo = await repoWith(50)
    const carBytes = await carOf(repo)
    const entries = [...atcuteRepo.fromUint8Array(carBytes)]
    expect(new Map(entries.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid.$link]))).toEqual(
      repo.records,
    )

    const { publicKeyBytes } = atcuteCrypto.parseDidKey(keypair.did())
    const publicKey = await P256PublicKey.importRaw(publicKeyBytes)
    const verified = await atcuteRepo.verifyRecord({
      did: DID,
      collection: COLLECTION,
      rkey: 'key-7',
      publicKey,
      carBytes,
    })
    expect(verified.record).toEqual({ $type: COLLECTION, text: 'text 7' })
  })

  it('is refused with the key of somebody else', async () => {
    const car = await carOf(await repoWith(3))
    await expect(verifyRepoCar(car, DID, createP256Keypair().did())).rejects.toThrow(/signature/i)
  })

  it('begins with the commit and has every block once, shared records too', async () => {
    const repo = await repoWith(500, 7)
    const cids: string[] = []
    for await (const some of collectRepoBlocks(repo, repo.head.cid))
      cids.push(...some.map(({ cid }) => cid.toString()))
    expect(cids[0]).toBe(repo.head.cid.toString())
    expect(cids.toSorted()).toEqual([...repo.blocks.keys()].sort())
  })

  it('leaves out blocks that nothing refers to', async () => {
    const repo = await repoWith(3)
    const size = (await carOf(repo)).byteLength
    repo.blocks.set(
      (await encodeRecord({ $type: COLLECTION, text: 'left behind' })).cid.toString(),
      new Uint8Array(9),
    )
    expect((await carOf(repo)).byteLength).toBe(size)
  })

  it('fails rather than leave out a block that is missing', async () => {
    for (const lost of ['commit', 'node', 'record'] as const) {
      const repo = await repoWith(3)
      const record = [...repo.records.values()][0]!
      repo.blocks.delete({ commit: repo.head.cid.toString(), node: repo.head.data.toString(), record }[lost])
      await expect(carOf(repo)).rejects.toThrow(/is missing/)
    }
  })
})
