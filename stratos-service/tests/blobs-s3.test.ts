import { spawn } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { cidForRawHash } from '@atproto/lex-data'
import { parseDid } from 'stratos-core'
import { ProofClient, waitUntil, type Account, type Answer } from 'test-network'
import { hasS3Server, startS3Server, type S3Server } from 'test-network/s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DISK_LAYOUT } from '../src/blobs/blob-paths.ts'
import { DiskFiles } from '../src/blobs/disk-files.ts'
import { StoredBlobs } from '../src/blobs/stored-blobs.ts'
import { cidOf, drawPng, images, upload } from './_util/blobs.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const BUCKET = 'blobs-of-a-service'

describe.skipIf(!hasS3Server())('blobs in S3', () => {
  let server: S3Server
  let bucket: S3Client
  let env: Record<string, string>

  const network = useNetwork(async () => {
    server = await startS3Server()
    const { region, endpoint, accessKey: accessKeyId, secretKey: secretAccessKey } = server
    bucket = new S3Client({
      region,
      endpoint,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
    })
    await bucket.send(new CreateBucketCommand({ Bucket: BUCKET }))
    env = {
      STRATOS_S3_BUCKET: BUCKET,
      STRATOS_S3_REGION: region,
      STRATOS_S3_ENDPOINT: endpoint,
      STRATOS_S3_ACCESS_KEY: accessKeyId,
      STRATOS_S3_SECRET_KEY: secretAccessKey,
      STRATOS_S3_TIMEOUT_MS: '1500',
    }
    return { enrolled: true, serviceEnv: { ...env, STRATOS_BLOB_STORAGE: 's3' } }
  })
  afterAll(async () => {
    bucket?.destroy()
    await server?.close()
  })

  async function keys(): Promise<string[]> {
    const { Contents = [] } = await bucket.send(new ListObjectsV2Command({ Bucket: BUCKET }))
    return Contents.flatMap(({ Key }) => Key ?? []).toSorted()
  }

  describe('of a service', () => {
    let alice: Account & { client: ProofClient }
    let bob: ProofClient
    beforeAll(async () => {
      const account = accountOf(network(), 'alice')
      alice = { ...account, client: await ProofClient.signIn(network(), account) }
      bob = await ProofClient.signIn(network(), accountOf(network(), 'bob'))
    })

    async function publish(...uploads: Answer[]): Promise<Answer> {
      const record = post(network().serviceDid, 'with a picture', ['general'], images(...uploads))
      const body = { repo: alice.did, collection: POST, record }
      return alice.client.call('POST', 'com.atproto.repo.createRecord', { body })
    }
    const read = (cid: string) =>
      bob.call('GET', 'com.atproto.sync.getBlob', { params: { did: alice.did, cid } })
    const permanent = (cid: string) => `stratos/blocks/${alice.did}/${cid}`
    const settled = (cid: string) =>
      waitUntil('it is permanent', async () => (await keys()).includes(permanent(cid)))

    it('can be read, and parts of them', async () => {
      const bytes = drawPng(300_000)
      const uploaded = await upload(alice.client, bytes)
      expect(uploaded.status).toBe(200)
      expect((await publish(uploaded)).status).toBe(200)
      await settled(cidOf(uploaded))
      expect((await read(cidOf(uploaded))).bytes.equals(bytes)).toBe(true)
    })

    it('wait while S3 is away: uploads and reads say so, posts go on, what is deleted is hidden at once and gone later', async () => {
      const [kept, early] = [await upload(alice.client, drawPng()), await upload(alice.client, drawPng())]
      const published = await publish(kept)
      await settled(cidOf(kept))
      const before = await keys()

      server.pause()
      try {
        const failed = await upload(alice.client, drawPng())
        expect([failed.status, failed.body.error]).toEqual([503, 'ServiceUnavailable'])
        const unread = await read(cidOf(kept))
        expect([unread.status, unread.body.error]).toEqual([503, 'ServiceUnavailable'])
        expect((await fetch(`${network().serviceUrl}/ready`)).status).toBe(503)
        expect((await publish()).status).toBe(200)
        // It was uploaded before, so it can be posted now.
        expect((await publish(early)).status).toBe(200)
        const body = { repo: alice.did, collection: POST, rkey: published.body.uri.split('/').at(-1) }
        expect((await alice.client.call('POST', 'com.atproto.repo.deleteRecord', { body })).status).toBe(200)
        const hidden = await read(cidOf(kept))
        expect([hidden.status, hidden.body.error]).toEqual([404, 'BlobNotFound'])
      } finally {
        server.resume()
      }
      const after = async () => (await keys()).filter((key) => !before.includes(key))
      await waitUntil(
        'the deleted one is gone',
        async () => !(await keys()).includes(permanent(cidOf(kept))),
        60_000,
      )
      await waitUntil(
        'the other one is permanent',
        async () => (await after()).includes(permanent(cidOf(early))),
        60_000,
      )
      expect((await read(cidOf(early))).status).toBe(200)
      // S3 may still carry out an upload that nobody waits for any more: those are swept like what a crash leaves behind.
      expect((await after()).filter((key) => !key.startsWith('stratos/tmp/'))).toEqual([
        permanent(cidOf(early)),
      ])
    })

    it('go with the enrollment of their owner, those that no record refers to and those taken down too', async () => {
      await upload(alice.client, drawPng())
      const down = await upload(alice.client, drawPng())
      await publish(down)
      await settled(cidOf(down))
      const { did, client } = alice
      const authorization = `Basic ${Buffer.from(`admin:${network().adminPassword}`).toString('base64')}`
      const takedown = await fetch(`${network().serviceUrl}/xrpc/zone.stratos.admin.takedownBlob`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ did, cid: cidOf(down), reason: 'a test' }),
      })
      expect(takedown.status).toBe(200)
      const areas = async () => new Set((await keys()).map((key) => key.split('/')[1]))
      await waitUntil('all three folders are in use', async () => (await areas()).size === 3)
      const { status } = await client.call('POST', 'zone.stratos.enrollment.unenroll', { body: {} })
      expect(status).toBe(200)
      await waitUntil('the bucket is empty', async () => (await keys()).length === 0, 60_000)
    })
  })

  describe('moved there by the command line', () => {
    const dids = [
      parseDid('did:plc:44ybard66vv44zksje25o7dz'),
      parseDid(`did:web:${'long.'.repeat(60)}example`),
    ]
    const dataDir = mkdtempSync(join(tmpdir(), 'stratos-migrate-'))
    const root = join(dataDir, 'blobs')
    afterAll(() => rmSync(dataDir, { recursive: true }))

    const run = (args: readonly string[], stopAfterMs?: number) => {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, '../src/cli.ts'), 'migrate-blobs', ...args],
        {
          env: {
            PATH: process.env['PATH'],
            STRATOS_SERVICE_DID: 'did:web:stratos.example',
            STRATOS_PUBLIC_URL: 'https://stratos.example',
            STRATOS_ALLOWED_DOMAINS: 'general',
            STRATOS_DATA_DIR: dataDir,
            ...env,
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk))
      if (stopAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), stopAfterMs)
      return new Promise<{ status: number | null; said: string }>((resolve) =>
        child.once('close', (status) => resolve({ status, said })),
      )
    }

    /** Paths in the bucket and the bytes that belong there. */
    async function fill(): Promise<Map<string, Buffer>> {
      const store = new StoredBlobs(new DiskFiles(root, () => undefined), DISK_LAYOUT)
      const expected = new Map<string, Buffer>()
      for (const did of dids) {
        const folder = did.length > 200 ? `${did.slice(0, 100)}~${hash('sha256', did)}` : did
        for (let index = 0; index < 24; index++) {
          const bytes = randomBytes(100_000 + index)
          const key = await store.putTemporary(
            did,
            (async function* () {
              yield bytes
            })(),
          )
          const cid = cidForRawHash(hash('sha256', bytes, 'buffer')).toString()
          if (index % 6 === 0) expected.set(`stratos/tmp/${folder}/${key}`, bytes)
          else await store.makePermanent(did, key, cid)
          if (index % 6 === 1) await store.quarantine(did, cid)
          if (index % 6 !== 0)
            expected.set(`stratos/${index % 6 === 1 ? 'quarantine' : 'blocks'}/${folder}/${cid}`, bytes)
        }
      }
      return expected
    }

    async function bucketHolds(expected: ReadonlyMap<string, Buffer>): Promise<void> {
      expect(await keys()).toEqual([...expected.keys()].toSorted())
      for (const [Key, bytes] of expected) {
        const { Body } = await bucket.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
        expect(bytes.equals(Buffer.from((await Body?.transformToByteArray()) ?? []))).toBe(true)
      }
    }

    it(
      'arrive whole, after an interruption and with a damaged one among them, and come back',
      { timeout: 120_000 },
      async () => {
        const expected = await fill()
        const [path = '', bytes = Buffer.alloc(0)] =
          [...expected].find(([key]) => key.startsWith('stratos/blocks/')) ?? []
        const file = join(root, path.slice('stratos/blocks/'.length))
        writeFileSync(file, Buffer.concat([bytes.subarray(1), Buffer.of(0)]))
        const whole = new Map([...expected].filter(([key]) => key !== path))

        await run(['--to', 's3'], 1_500)
        const damaged = await run(['--to', 's3'])
        expect(damaged.status).toBe(1)
        expect(damaged.said).toContain(`1 are not what their names say`)
        expect(damaged.said).toContain(path.slice('stratos/blocks/'.length))
        await bucketHolds(whole)

        writeFileSync(file, bytes)
        const again = await run(['--to', 's3', '--remove-originals'])
        expect(again).toMatchObject({ status: 0 })
        expect(again.said).toMatch(/48 blobs with 4\.\d MiB are in the other place, 47 of them since before/)
        expect(again.said).toContain('STRATOS_BLOB_STORAGE=s3')
        await bucketHolds(expected)
        expect(() => readFileSync(file)).toThrow(/ENOENT/)

        expect(await run(['--to', 'local', '--remove-originals'])).toMatchObject({ status: 0 })
        expect(await keys()).toEqual([])
        expect(readFileSync(file).equals(bytes)).toBe(true)
      },
    )

    it('need a place that is there, and to be told which', async () => {
      expect((await run([])).status).toBe(2)
      expect((await run(['--to', 'elsewhere'])).said).toContain('Usage: stratos migrate-blobs')
      const [known, unknown] = [env['STRATOS_S3_BUCKET'] ?? '', 'nowhere']
      env['STRATOS_S3_BUCKET'] = unknown
      const refused = await run(['--to', 's3'])
      env['STRATOS_S3_BUCKET'] = known
      expect(refused.status).toBe(3)
      expect(refused.said).toContain('nowhere cannot be reached')
    })
  })
})
