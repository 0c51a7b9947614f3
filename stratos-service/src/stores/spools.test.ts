import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeRecord } from 'stratos-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBlockFile } from './block-file.ts'
import { openPieceFile } from './piece-file.ts'

let directory: string
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'stratos-spools-'))))
afterAll(async () => rm(directory, { recursive: true }))

/** From nothing to more than is written at once. */
const LENGTHS = [0, 1, 100, 70_000, 1_048_576, 3_000_000, 5, 200_000]

describe('A spool of pieces', () => {
  it('gives them back in order, whatever their lengths', async () => {
    const spool = await openPieceFile(directory)
    const pieces = LENGTHS.map((length, index) => Buffer.alloc(length, index + 1))
    for (const piece of pieces) await spool.put(piece)
    await spool.seal()
    for (let round = 0; round < 2; round += 1) {
      const read = [...spool.pieces()]
      expect(read.map(({ length }) => length)).toEqual(LENGTHS)
      expect(read.every((piece, index) => pieces[index]?.equals(piece))).toBe(true)
    }
    await spool.close()
  })

  it('leaves no file behind', async () => {
    const spool = await openPieceFile(directory)
    await spool.put(Buffer.alloc(10))
    expect(await readdir(directory)).toEqual([])
    await spool.close()
  })
})

describe('A spool of blocks', () => {
  it('finds each by its CID, once it is sealed', async () => {
    const spool = await openBlockFile(directory)
    const lengths = Array.from({ length: 2_000 }, (_, index) => 1 + ((index * 7_919) % 3_000))
    const blocks = await Promise.all(
      lengths.map((length, index) => encodeRecord({ text: `${index}`.repeat(length) })),
    )
    for (let at = 0; at < blocks.length; at += 100) await spool.put(blocks.slice(at, at + 100))
    await spool.seal()
    for (const { cid, bytes } of blocks.toReversed()) {
      expect(Buffer.from(spool.find(cid) ?? []).equals(bytes)).toBe(true)
    }
    expect(spool.find((await encodeRecord({ text: 'another' })).cid)).toBeNull()
    await spool.close()
  })

  it('refuses bytes that are not what their CID names', async () => {
    const spool = await openBlockFile(directory)
    const { cid, bytes } = await encodeRecord({ text: 'one' })
    await expect(spool.put([{ cid, bytes: bytes.toReversed() }])).rejects.toMatchObject({
      code: 'InvalidCar',
    })
    await spool.close()
  })
})
