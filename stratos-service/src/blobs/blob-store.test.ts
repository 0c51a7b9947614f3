import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDid } from 'stratos-core'
import { blobStoreContract } from 'stratos-core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DISK_LAYOUT } from './blob-paths.ts'
import { DiskFiles } from './disk-files.ts'
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
