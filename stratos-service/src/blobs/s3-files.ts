import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { StratosError, type ByteRange, type StoredBytes } from 'stratos-core'
import type { S3Settings } from '../config/blobs.ts'
import type { ByteFiles, ListedFile } from './byte-files.ts'
import { uploadObject, type S3Target } from './s3-upload.ts'

const MAX_ATTEMPTS = 3

/** Objects of one bucket, by key. */
export class S3Files implements ByteFiles {
  readonly #client: S3Client
  readonly #bucket: string
  readonly #checksums: S3Target['checksums']
  readonly #report: (err: unknown) => void

  /** @param report told of every failure of the service */
  constructor(settings: S3Settings, report: (err: unknown) => void) {
    const { bucket, region, endpoint, credentials, pathStyle, checksums, timeoutMs } = settings
    this.#client = new S3Client({
      region,
      forcePathStyle: pathStyle,
      requestChecksumCalculation: checksums,
      responseChecksumValidation: checksums,
      maxAttempts: MAX_ATTEMPTS,
      requestHandler: {
        connectionTimeout: Math.ceil(timeoutMs / 10),
        requestTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        throwOnRequestTimeout: true,
      },
      ...(endpoint === null ? {} : { endpoint }),
      ...(credentials === null ? {} : { credentials }),
    })
    this.#bucket = bucket
    this.#checksums = checksums
    this.#report = report
  }

  async write(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const attempt = <T>(request: () => Promise<T>) => this.#try(request)
    const target = { client: this.#client, at: this.#at(path), checksums: this.#checksums, attempt }
    await uploadObject(target, source)
  }

  async open(path: string): Promise<StoredBytes | null> {
    const found = await this.#ifPresent(() => this.#client.send(new HeadObjectCommand(this.#at(path))))
    if (found === null) return null
    const { ContentLength: size = 0, ETag: etag = '', LastModified: modified } = found
    return {
      size,
      version: `${etag}-${modified?.getTime() ?? 0}-${size}`,
      read: (range) => this.#read(path, range),
    }
  }

  async move(from: string, to: string): Promise<void> {
    const source = `${this.#bucket}/${from}`.split('/').map(encodeURIComponent).join('/')
    const copied = await this.#ifPresent(() =>
      this.#client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source })),
    )
    if (copied !== null) await this.remove(from)
  }

  async remove(path: string): Promise<void> {
    await this.#ifPresent(() => this.#client.send(new DeleteObjectCommand(this.#at(path))))
  }

  async removeFolder(path: string): Promise<void> {
    for await (const page of this.#pages(path)) {
      const Objects = page.map(({ path: Key }) => ({ Key }))
      const { Errors = [] } = await this.#try(() =>
        this.#client.send(
          new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }),
        ),
      )
      if (Errors.length > 0) throw this.#failure(new Error(Errors[0]?.Message ?? 'objects were not deleted'))
    }
  }

  async *list(folder: string): AsyncGenerator<ListedFile> {
    for await (const page of this.#pages(folder)) yield* page
  }

  async discardUnfinished(folder: string, beforeMs: number): Promise<void> {
    const listing = { Bucket: this.#bucket, Prefix: `${folder}/` }
    const { Uploads = [] } = await this.#try(() =>
      this.#client.send(new ListMultipartUploadsCommand(listing)),
    )
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Key === undefined || (Initiated?.getTime() ?? Infinity) >= beforeMs) continue
      await this.#ifPresent(() =>
        this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId })),
      )
    }
  }

  async check(): Promise<'ok' | 'failed'> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }))
      return 'ok'
    } catch {
      return 'failed'
    }
  }

  async *#read(path: string, range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
    const wanted = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }
    const found = await this.#ifPresent(() =>
      this.#client.send(new GetObjectCommand({ ...this.#at(path), ...wanted })),
    )
    if (found === null) throw new StratosError('BlobNotFound', 'the blob is not there any more')
    if (!(found.Body instanceof Readable)) throw new Error('S3 answered without a stream')
    try {
      for await (const chunk of found.Body) yield chunk as Uint8Array
    } catch (err) {
      throw this.#failure(err)
    }
  }

  async *#pages(folder: string): AsyncGenerator<ListedFile[]> {
    let token: string | undefined
    do {
      const listing = { Bucket: this.#bucket, Prefix: `${folder}/`, ContinuationToken: token }
      const page = await this.#try(() => this.#client.send(new ListObjectsV2Command(listing)))
      const files = (page.Contents ?? []).flatMap(({ Key, LastModified }) =>
        Key === undefined ? [] : [{ path: Key, modifiedAtMs: LastModified?.getTime() ?? 0 }],
      )
      if (files.length > 0) yield files
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  #at(path: string) {
    return { Bucket: this.#bucket, Key: path }
  }

  /** @returns null if the object is not there */
  async #ifPresent<T>(work: () => Promise<T>): Promise<T | null> {
    return this.#try(() =>
      work().catch((err: unknown) => {
        if (isMissing(err)) return null
        throw err
      }),
    )
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (err) {
      throw this.#failure(err)
    }
  }

  #failure(cause: unknown): StratosError {
    this.#report(cause)
    const full = cause instanceof S3ServiceException && cause.$metadata.httpStatusCode === 507
    return full
      ? new StratosError('InsufficientStorage', 'there is no room left for blobs', { cause })
      : new StratosError('ServiceUnavailable', 'blobs cannot be reached right now', { cause })
  }
}

/** A missing bucket is another matter. */
function isMissing(err: unknown): boolean {
  return err instanceof S3ServiceException && ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(err.name)
}
