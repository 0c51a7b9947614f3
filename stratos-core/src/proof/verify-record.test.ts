import { P256Keypair, Secp256k1Keypair, type Keypair } from '@atproto/crypto'
import { getRecords, MemoryBlockstore, Repo, WriteOpAction } from '@atproto/repo'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseDid, parseNsid, parseRkey } from '../ids.ts'
import { readProof } from './read-proof.ts'
import { findCommit, findProvenRecord } from './verify-record.ts'

const ALICE = parseDid('did:web:alice.example')
const NOTE = parseNsid('zone.stratos.test.note')
const refusal = expect.objectContaining({ code: 'InvalidCar' })
const key = (n: number) => ({ collection: NOTE, rkey: parseRkey(`note-${n}`) })

/** A proof of some keys of a repo with 40 records, as the official library makes it. */
async function proofOf(keys: readonly number[], keypair: Keypair): Promise<Uint8Array> {
  const writes = Array.from({ length: 40 }, (_, n) => ({
    action: WriteOpAction.Create as const,
    ...key(n),
    record: { $type: NOTE, n },
  }))
  const storage = new MemoryBlockstore()
  const repo = await Repo.create(storage, ALICE, keypair, writes)
  const chunks: Uint8Array[] = []
  for await (const chunk of getRecords(storage, repo.cid, keys.map(key))) chunks.push(chunk)
  return Uint8Array.from(Buffer.concat(chunks))
}

describe.each([
  ['P-256', () => P256Keypair.create()],
  ['secp256k1', () => Secp256k1Keypair.create()],
])('a proof that the official library made and signed with %s', (_curve, create) => {
  let keypair: Keypair
  let car: Uint8Array

  beforeAll(async () => {
    keypair = await create()
    car = await proofOf([3, 17], keypair)
  })

  it('shows records, and under which key they were signed', async () => {
    const proof = await readProof(car)
    const commit = findCommit(proof, ALICE)
    await commit?.verify(keypair.did())
    if (commit === null) throw new Error('there is no commit')
    for (const n of [3, 17])
      expect(findProvenRecord(proof, commit, key(n))?.record).toEqual({ $type: NOTE, n })
  })

  it('is not accepted as signed with another key, or with what is none', async () => {
    const commit = findCommit(await readProof(car), ALICE)
    const other = await create()
    for (const did of [other.did(), 'did:key:zzz', ''])
      await expect(commit?.verify(did)).rejects.toEqual(refusal)
  })

  it('has nothing of other repos', async () => {
    expect(findCommit(await readProof(car), parseDid('did:web:bob.example'))).toBeNull()
  })

  it('does not show records that it does not contain', async () => {
    const proof = await readProof(car)
    const commit = findCommit(proof, ALICE)
    if (commit === null) throw new Error('there is no commit')
    const found = (n: number) => findProvenRecord(proof, commit, key(n))
    const outcomes = Array.from({ length: 40 }, (_, n) => n).filter((n) => n !== 3 && n !== 17)
    for (const n of outcomes) expect(() => found(n)).toThrow(refusal)
  })

  it('shows that there is no record, if it has the path to where it would be', async () => {
    const absent = await proofOf([99], keypair)
    const proof = await readProof(absent)
    const commit = findCommit(proof, ALICE)
    if (commit === null) throw new Error('there is no commit')
    expect(findProvenRecord(proof, commit, key(99))).toBeNull()
  })

  it('is refused if any byte of it is changed', async () => {
    for (let at = 0; at < car.length; at += 1) {
      const bad = Uint8Array.from(car)
      bad[at] = (bad[at] ?? 0) ^ 0x20
      const verified = async () => {
        const proof = await readProof(bad)
        const commit = findCommit(proof, ALICE)
        if (commit === null) throw Object.assign(new Error('no commit'), { code: 'InvalidCar' })
        await commit.verify(keypair.did())
        return [3, 17].map((n) => findProvenRecord(proof, commit, key(n))?.record)
      }
      await expect(verified()).rejects.toEqual(refusal)
    }
  })
})
