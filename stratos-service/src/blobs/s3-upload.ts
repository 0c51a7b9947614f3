import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3'

/** The least that S3 takes for a part that is not the last. */
const PART_BYTES = 5 * 1024 * 1024
/** Most blobs need no more. */
const FIRST_BYTES = 256 * 1024

/** Where an object is to be, and how the bucket is spoken to. */
export interface S3Target {
  readonly client: S3Client
  readonly at: { readonly Bucket: string; readonly Key: string }
  readonly checksums: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED'
  /** Runs requests: its errors are thrown in place of theirs. */
  readonly attempt: <T>(request: () => Promise<T>) => Promise<T>
}

/**
 * Writes an object of any size, which is there whole or not at all. Two buffers are filled and sent in turn, so that a large
 * one takes no more memory than they have.
 */
export async function uploadObject(target: S3Target, source: AsyncIterable<Uint8Array>): Promise<void> {
  const { client, at, attempt } = target
  let filling = new PartBuffer()
  let other = new PartBuffer()
  let parts: Parts | null = null
  try {
    for await (const chunk of source) {
      for (let done = 0; done < chunk.length;) {
        if (filling.isFull) {
          parts ??= await Parts.begin(target)
          // That of the other buffer.
          await parts.sent()
          parts.send(filling.bytes)
          ;[filling, other] = [other, filling]
          filling.clear()
        }
        done += filling.add(chunk.subarray(done))
      }
    }
    if (parts === null) {
      await attempt(() => client.send(new PutObjectCommand({ ...at, Body: filling.bytes })))
      return
    }
    await parts.sent()
    parts.send(filling.bytes)
    await parts.sent()
    await parts.complete()
  } catch (err) {
    await parts?.abort()
    throw err
  }
}

/** An upload of several parts, one of which is under way at a time. */
class Parts {
  readonly #target: S3Target
  readonly #upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string }
  readonly #done: CompletedPart[] = []
  #sending: Promise<void> = Promise.resolve()
  #count = 0

  private constructor(target: S3Target, uploadId: string) {
    this.#target = target
    this.#upload = { ...target.at, UploadId: uploadId }
  }

  static async begin(target: S3Target): Promise<Parts> {
    const { client, at, attempt, checksums } = target
    // Parts come with the client's checksums then, and S3 has to be told before the first.
    const algorithm = checksums === 'WHEN_SUPPORTED' ? ({ ChecksumAlgorithm: 'CRC32' } as const) : {}
    const { UploadId } = await attempt(() =>
      client.send(new CreateMultipartUploadCommand({ ...at, ...algorithm })),
    )
    if (UploadId === undefined) throw new Error('S3 began an upload without a name')
    return new Parts(target, UploadId)
  }

  /** @param bytes which stay as they are until the part is sent */
  send(bytes: Buffer): void {
    this.#count += 1
    this.#sending = this.#send(this.#count, bytes)
    // It is told of by `sent`, which may not be asked at once.
    this.#sending.catch(() => undefined)
  }

  /** Resolves when the last part that was sent has arrived. */
  async sent(): Promise<void> {
    await this.#sending
  }

  async complete(): Promise<void> {
    const { client, attempt } = this.#target
    const MultipartUpload = { Parts: this.#done }
    await attempt(() => client.send(new CompleteMultipartUploadCommand({ ...this.#upload, MultipartUpload })))
  }

  /** What fails here is swept later. */
  async abort(): Promise<void> {
    await this.#sending.catch(() => undefined)
    await this.#target.client.send(new AbortMultipartUploadCommand(this.#upload)).catch(() => undefined)
  }

  async #send(number: number, bytes: Buffer): Promise<void> {
    const { client, attempt } = this.#target
    const part = { PartNumber: number }
    const { ETag, ChecksumCRC32 } = await attempt(() =>
      client.send(new UploadPartCommand({ ...this.#upload, ...part, Body: bytes })),
    )
    this.#done.push({ ...part, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) })
  }
}

/** Bytes of one part. Becomes as large as it has to be. */
class PartBuffer {
  #buffer = Buffer.alloc(0)
  #length = 0

  get isFull(): boolean {
    return this.#length === PART_BYTES
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  /** @returns how many bytes there was room for */
  add(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, PART_BYTES - this.#length)
    this.#grow(this.#length + count)
    this.#buffer.set(bytes.subarray(0, count), this.#length)
    this.#length += count
    return count
  }

  #grow(length: number): void {
    if (length <= this.#buffer.length) return
    const larger = Math.min(PART_BYTES, Math.max(length, 2 * this.#buffer.length, FIRST_BYTES))
    const grown = Buffer.allocUnsafeSlow(larger)
    grown.set(this.bytes)
    this.#buffer = grown
  }
}
