import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDid } from 'stratos-core'
import { blobStoreContract } from 'stratos-core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { hasS3Server, startS3Server, type S3Server } from 'test-network/s3'
import { DISK_LAYOUT, S3_LAYOUT } from './blob-paths.ts'
import { DiskFiles } from './disk-files.ts'
import { S3Files } from './s3-files.ts'
import { StoredBlobs } from './stored-blobs.ts'

describe('BlobStore on disk', () => {
  let root = ''
  let store: StoredBlobs
  beforeAll(() => {
    root = join(mkdtempSync(join(tmpdir(), 'stratos-blobs-')), 'blobs')
    store = new StoredBlobs(new DiskFiles(root, () => undefined), DISK_LAYOUT)
  })
  afterAll(() => rmSync(join(root, '..'), { recursive: true }))

  blobStoreContract(() => store)

  it('keeps blobs at {did}/{cid}, for their owner alone', async () => {
    const did = parseDid('did:web:localhost%3A3100')
    async function* hello(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('hello')
    }
    const key = await store.putTemporary(did, hello())
    expect(statSync(join(root, 'temp', did, key)).mode & 0o777).toBe(0o600)
    await store.makePermanent(did, key, 'bafkhello')
    expect(statSync(join(root, did, 'bafkhello')).size).toBe(5)
    await store.quarantine(did, 'bafkhello')
    expect(statSync(join(root, 'quarantine', did, 'bafkhello')).mode & 0o777).toBe(0o600)
  })
})

describe.skipIf(!hasS3Server())('BlobStore on S3', () => {
  let server: S3Server
  let client: S3Client
  let store: StoredBlobs
  const BUCKET = 'blobs'
  const settings = (more: object = {}) => ({
    bucket: BUCKET,
    region: server.region,
    endpoint: server.endpoint,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    pathStyle: true,
    checksums: 'WHEN_REQUIRED' as const,
    timeoutMs: 20_000,
    ...more,
  })
  const openStore = (more: object = {}) =>
    new StoredBlobs(new S3Files(settings(more), () => undefined), S3_LAYOUT)
  const hello = async function* () {
    yield Buffer.from('hello')
  }
  const did = parseDid('did:web:localhost%3A3100')

  beforeAll(async () => {
    server = await startS3Server()
    const { region, endpoint, credentials } = settings()
    client = new S3Client({ region, endpoint, credentials, forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
    store = openStore()
  })
  afterAll(async () => {
    client?.destroy()
    await server?.close()
  })

  blobStoreContract(() => store)

  it('keeps blobs under stratos/blocks, stratos/tmp and stratos/quarantine', async () => {
    const keysOf = async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))
      return Contents.flatMap(({ Key }) => (Key?.includes(did) === true ? [Key] : []))
    }
    const key = await store.putTemporary(did, hello())
    expect(await keysOf()).toEqual([`stratos/tmp/${did}/${key}`])
    await store.makePermanent(did, key, 'bafkhello')
    expect(await keysOf()).toEqual([`stratos/blocks/${did}/bafkhello`])
    await store.quarantine(did, 'bafkhello')
    expect(await keysOf()).toEqual([`stratos/quarantine/${did}/bafkhello`])
  })

  const MIB = 2 ** 20
  it.each([
    ['of one part', 5 * MIB, {}],
    ['of one byte more', 5 * MIB + 1, {}],
    ['of three parts', 12 * MIB + 7, {}],
    ['of three parts with checksums', 12 * MIB + 7, { checksums: 'WHEN_SUPPORTED' }],
  ])('takes a blob %s, in chunks of any size', async (_, size, more) => {
    const content = randomBytes(size)
    async function* chunks() {
      for (let at = 0, length = 1; at < size; at += length, length = (length * 7) % 700_001)
        yield content.subarray(at, at + length)
    }
    const store = openStore(more)
    const key = await store.putTemporary(did, chunks())
    const found = await store.openTemporary(did, key)
    const read: Uint8Array[] = []
    for await (const chunk of found?.read() ?? []) read.push(chunk)
    expect(Buffer.concat(read).equals(content)).toBe(true)
    await store.deleteTemporary(did, key)
  })

  it('keeps no parts of a blob that does not come to its end', async () => {
    async function* broken() {
      yield randomBytes(12 * MIB)
      throw new Error('the sender left')
    }
    await expect(store.putTemporary(did, broken())).rejects.toThrow('the sender left')
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    expect(Uploads).toEqual([])
  })

  it('says that it is away when nobody answers, and goes on afterwards', async () => {
    const impatient = openStore({ timeoutMs: 1_000 })
    server.pause()
    try {
      const away = { code: 'ServiceUnavailable' }
      await expect(impatient.open(did, 'bafkhello')).rejects.toMatchObject(away)
      await expect(impatient.putTemporary(did, hello())).rejects.toMatchObject(away)
      await expect(impatient.delete(did, 'bafkhello')).rejects.toMatchObject(away)
      expect(await impatient.check()).toBe('failed')
    } finally {
      server.resume()
    }
    await store.restore(did, 'bafkhello')
    expect((await store.open(did, 'bafkhello'))?.size).toBe(5)
  })

  it('says the same of a bucket that is not there and of a secret that is wrong', async () => {
    const wrong = { accessKeyId: server.accessKey, secretAccessKey: 'wrong' }
    for (const other of [openStore({ bucket: 'none' }), openStore({ credentials: wrong })]) {
      await expect(other.putTemporary(did, hello())).rejects.toMatchObject({ code: 'ServiceUnavailable' })
      expect(await other.check()).toBe('failed')
    }
  })
})
