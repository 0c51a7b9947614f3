import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { S3Server } from 'test-network/s3'

/** What writing and reading the same bytes takes without a service: the floor of upload and download. */
export interface PlainCopies {
  copy(content: Buffer): Promise<{ readonly writeMs: number; readonly readMs: number }>
  close(): Promise<void>
}

/** A durable file, on the file system of the service. */
export class FileCopies implements PlainCopies {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async copy(content: Buffer) {
    const file = join(this.#directory, `copy-${randomUUID()}`)
    const startedAt = performance.now()
    const handle = await open(file, 'wx')
    await handle.writeFile(content)
    await handle.sync()
    await handle.close()
    const writtenAt = performance.now()
    for await (const _ of createReadStream(file));
    const readAt = performance.now()
    await rm(file)
    return { writeMs: writtenAt - startedAt, readMs: readAt - writtenAt }
  }

  async close(): Promise<void> {}
}

/** An object in one piece, by the S3 client. */
export class S3Copies implements PlainCopies {
  readonly #client: S3Client
  readonly #bucket: string

  constructor(server: S3Server, bucket: string) {
    this.#client = openClient(server)
    this.#bucket = bucket
  }

  async copy(content: Buffer) {
    const at = { Bucket: this.#bucket, Key: `copy-${randomUUID()}` }
    const startedAt = performance.now()
    await this.#client.send(new PutObjectCommand({ ...at, Body: content }))
    const writtenAt = performance.now()
    const { Body } = await this.#client.send(new GetObjectCommand(at))
    await Body?.transformToByteArray()
    return { writeMs: writtenAt - startedAt, readMs: performance.now() - writtenAt }
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }
}

export async function createBucket(server: S3Server, bucket: string): Promise<void> {
  const client = openClient(server)
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
}

function openClient({ region, endpoint, accessKey, secretKey }: S3Server): S3Client {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey }
  return new S3Client({
    region,
    endpoint,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
}
