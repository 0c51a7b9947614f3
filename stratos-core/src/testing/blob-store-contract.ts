import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { cidForRawBytes } from '@atproto/lex-data'
import { parseDid, type Did } from '../ids.ts'
import type { BlobStore, ByteRange, StoredBytes } from '../storage/blob-store.ts'
import { newDid } from './samples.ts'

/** What every implementation of `BlobStore` must do. Call it inside `describe`. */
export function blobStoreContract(open: () => BlobStore): void {
  async function stored(did: Did, bytes: Uint8Array): Promise<string> {
    const cid = String(await cidForRawBytes(bytes))
    const key = await open().putTemporary(did, chunksOf(bytes))
    await open().makePermanent(did, key, cid)
    return cid
  }

  const dids: [string, Did][] = [
    ['an ordinary DID', newDid()],
    ['a DID with a port', parseDid('did:web:localhost%3A3100')],
    ['a DID with a path', parseDid('did:web:example.com:users:..:alice')],
    ['a DID longer than a file name may be', parseDid(`did:web:${'a'.repeat(300)}.example.com`)],
    ['another one of the same beginning', parseDid(`did:web:${'a'.repeat(300)}.example.org`)],
  ]

  describe.each(dids)('a blob of %s', (_what, did) => {
    it('goes from temporary to permanent, to quarantine and back, and away', async () => {
      const bytes = randomBytes(100_000)
      const key = await open().putTemporary(did, chunksOf(bytes))
      const cid = String(await cidForRawBytes(bytes))
      expect(await textOf(await open().openTemporary(did, key))).toBe(digestOf(bytes))
      expect(await open().open(did, cid)).toBeNull()

      await open().makePermanent(did, key, cid)
      expect(await textOf(await open().open(did, cid))).toBe(digestOf(bytes))
      expect(await open().openTemporary(did, key)).toBeNull()

      await open().quarantine(did, cid)
      expect(await open().open(did, cid)).toBeNull()
      await open().restore(did, cid)
      expect(await textOf(await open().open(did, cid))).toBe(digestOf(bytes))

      await open().delete(did, cid)
      expect(await open().open(did, cid)).toBeNull()
    })

    it('is gone with its owner, wherever it was', async () => {
      const cids = await Promise.all([1, 2].map((n) => stored(did, Buffer.from(`blob ${n}`))))
      await open().quarantine(did, cids[0]!)
      const key = await open().putTemporary(did, chunksOf(Buffer.from('temporary')))
      await open().destroy(did)
      expect(await open().openTemporary(did, key)).toBeNull()
      await open().restore(did, cids[0]!)
      for (const cid of cids) expect(await open().open(did, cid)).toBeNull()
    })
  })

  describe('bytes', () => {
    it.each([0, 1, 65_535, 65_536, 5 * 1024 * 1024 - 1, 5 * 1024 * 1024, 11 * 1024 * 1024 + 7])(
      'come back as they were, %i of them',
      async (size) => {
        const [did, bytes] = [newDid(), randomBytes(size)]
        const cid = await stored(did, bytes)
        const found = await open().open(did, cid)
        expect(found?.size).toBe(size)
        expect(await textOf(found)).toBe(digestOf(bytes))
      },
    )

    const ranges: ByteRange[] = [
      { start: 0, end: 0 },
      { start: 10, end: 19 },
      { start: 99_990, end: 99_999 },
      { start: 0, end: 99_999 },
    ]
    it.each(ranges)('are read in part, from $start to $end', async (range) => {
      const [did, bytes] = [newDid(), randomBytes(100_000)]
      const found = await open().open(did, await stored(did, bytes))
      expect(digestOf(await collect(found!.read(range)))).toBe(
        digestOf(bytes.subarray(range.start, range.end + 1)),
      )
    })

    it('can be let go of in the middle', async () => {
      const did = newDid()
      const found = await open().open(did, await stored(did, randomBytes(3_000_000)))
      for await (const chunk of found!.read()) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      expect((await collect(found!.read())).length).toBe(3_000_000)
    })

    it('have one version as long as nobody replaces them', async () => {
      const did = newDid()
      const cid = await stored(did, Buffer.from('the same'))
      const [first, second] = [await open().open(did, cid), await open().open(did, cid)]
      expect(first?.version).toBe(second?.version)
      await open().delete(did, cid)
      await stored(did, Buffer.from('the same'))
      expect((await open().open(did, cid))?.size).toBe(8)
    })

    it('that were moved since they were opened are missing, and nothing worse', async () => {
      const did = newDid()
      const key = await open().putTemporary(did, chunksOf(Buffer.from('moving')))
      const found = await open().openTemporary(did, key)
      await open().makePermanent(did, key, 'bafkmoved')
      await expect(collect(found!.read())).rejects.toMatchObject({ code: 'BlobNotFound' })
    })

    it('of two users are two blobs', async () => {
      const [alice, bob] = [newDid(), newDid()]
      const cid = await stored(alice, Buffer.from('equal'))
      await stored(bob, Buffer.from('equal'))
      await open().delete(bob, cid)
      expect(await open().open(bob, cid)).toBeNull()
      expect(await textOf(await open().open(alice, cid))).toBe(digestOf(Buffer.from('equal')))
    })
  })

  describe('an upload that fails', () => {
    it.each([100, 7_000_000])('after %i bytes leaves nothing behind and says why', async (size) => {
      const did = newDid()
      const failure = new Error('the line is dead')
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* chunksOf(randomBytes(size))
        throw failure
      }
      await expect(open().putTemporary(did, broken())).rejects.toBe(failure)
      expect(await temporariesOf(open(), did)).toEqual([])
    })
  })

  describe('a step that is repeated', () => {
    it('changes nothing', async () => {
      const did = newDid()
      const key = await open().putTemporary(did, chunksOf(Buffer.from('x')))
      await open().makePermanent(did, key, 'bafkx')
      await open().makePermanent(did, key, 'bafkx')
      await open().quarantine(did, 'bafkx')
      await open().quarantine(did, 'bafkx')
      await open().restore(did, 'bafkx')
      await open().restore(did, 'bafkx')
      expect((await open().open(did, 'bafkx'))?.size).toBe(1)
      await open().delete(did, 'bafkx')
      await open().delete(did, 'bafkx')
      await open().deleteTemporary(did, key)
      await open().destroy(did)
    })
  })

  describe('names from outside', () => {
    it.each(['../escape', 'a/b', '', '.', '..', 'a\0b', 'x'.repeat(300)])('are refused: %j', async (name) => {
      const did = newDid()
      await expect(open().open(did, name)).rejects.toThrow()
      await expect(open().delete(did, name)).rejects.toThrow()
      await expect(open().openTemporary(did, name)).rejects.toThrow()
      await expect(open().makePermanent(did, 'key', name)).rejects.toThrow()
    })

    it.each(['did:plc:../../etc', '../x', 'did:web:a/b', ''])('are refused as DIDs: %j', async (did) => {
      await expect(open().open(did as Did, 'bafkx')).rejects.toThrow()
      await expect(open().putTemporary(did as Did, chunksOf(Buffer.from('x')))).rejects.toThrow()
      await expect(open().destroy(did as Did)).rejects.toThrow()
    })
  })

  describe('temporary bytes', () => {
    it('are listed by age and can be deleted', async () => {
      const did = newDid()
      const key = await open().putTemporary(did, chunksOf(Buffer.from('x')))
      expect(await temporariesOf(open(), did, 0)).toEqual([])
      expect(await temporariesOf(open(), did)).toEqual([key])
      for await (const found of open().listTemporary(SOON)) if (found.did === did) await found.delete()
      expect(await open().openTemporary(did, key)).toBeNull()
    })
  })

  it('says that it works', async () => {
    expect(await open().check()).toBe('ok')
  })
}

const SOON = 8_640_000_000_000_000

async function temporariesOf(store: BlobStore, did: Did, beforeMs = SOON): Promise<string[]> {
  const keys: string[] = []
  for await (const found of store.listTemporary(beforeMs)) if (found.did === did) keys.push(found.key)
  return keys
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536)
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function textOf(found: StoredBytes | null): Promise<string | null> {
  return found === null ? null : digestOf(await collect(found.read()))
}
