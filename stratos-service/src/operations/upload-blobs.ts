import { createHash } from 'node:crypto'
import { cidForRawHash } from '@atproto/lex-data'
import {
  decideMediaType,
  MEDIA_TYPE_HEAD_BYTES,
  StratosError,
  type Actors,
  type BlobEntry,
  type BlobStore,
  type Did,
  type UserViewer,
  type RateAllowance,
  type WriteRateLimiter,
} from 'stratos-core'
import type { Logger } from '../logger.ts'
import type { BlobKeeper } from './blob-keeper.ts'

const CONCURRENT_PER_USER = 4
const CONCURRENT = 64

/** What somebody sends, not looked at yet. */
export interface BlobUpload {
  /** Value of `Content-Type`. */
  readonly declaredType: string | undefined
  /** Value of `Content-Length`, in bytes; undefined where the sender does not say. */
  readonly declaredSize: number | undefined
  /** Read once, and no further than needed. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/** A blob as a record is to refer to it. */
export interface UploadResult {
  readonly cid: ReturnType<typeof cidForRawHash>
  readonly mimeType: string
  readonly size: number
  readonly allowance: RateAllowance
}

export interface BlobLimits {
  readonly maxBytes: number
  /** Of all blobs of a user together. */
  readonly quotaBytes: number
  /** How long a blob is kept that no record refers to. */
  readonly temporaryMs: number
}

/** Takes blobs in. */
export class UploadBlobs {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #store: Pick<BlobStore, 'putTemporary' | 'deleteTemporary'>
  readonly #keeper: Pick<BlobKeeper, 'mark' | 'wake'>
  readonly #rate: WriteRateLimiter
  readonly #limits: BlobLimits
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #underWay = new Map<Did, number>()
  #total = 0

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    store: Pick<BlobStore, 'putTemporary' | 'deleteTemporary'>
    keeper: Pick<BlobKeeper, 'mark' | 'wake'>
    /** Of writes: an upload counts as one. */
    rate: WriteRateLimiter
    limits: BlobLimits
    logger: Logger
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#store = options.store
    this.#keeper = options.keeper
    this.#rate = options.rate
    this.#limits = options.limits
    this.#logger = options.logger
    this.#nowMs = options.nowMs
  }

  /**
   * Takes in a blob of `author`, kept for a while even if no record refers to it.
   *
   * @throws {StratosError} `PayloadTooLarge` as soon as that is certain, `QuotaExceeded`, `InvalidMimeType`,
   *   `InvalidRequest` for no bytes at all, `RateLimitExceeded`, `Forbidden` for bytes that an operator has taken down,
   *   `ServiceUnavailable` and `InsufficientStorage` for want of a place; and what reading the bytes throws
   */
  async upload(author: UserViewer, upload: BlobUpload): Promise<UploadResult> {
    const { did } = author
    const allowance = await this.#rate.charge(did, 1)
    return this.#slot(did, async () => {
      const { declaredSize = 1 } = upload
      if (declaredSize > this.#limits.maxBytes) throw this.#tooLarge()
      await this.#actors.read(did, async ({ blobs }) =>
        this.#assertRoom((await blobs.usage()) + declaredSize),
      )
      await this.#keeper.mark(did)
      const measured = new MeasuredUpload(upload, this.#limits.maxBytes, () => this.#tooLarge())
      const key = await this.#store.putTemporary(did, measured.bytes())
      const entry = await this.#enter(did, key, measured)
      this.#keeper.wake(did)
      if (entry.quarantined) throw new StratosError('Forbidden', 'this blob was taken down by the operator')
      const { mimeType, size } = entry
      return { cid: measured.cid, mimeType, size, allowance }
    })
  }

  async #enter(did: Did, key: string, { cid, mimeType, size }: MeasuredUpload): Promise<BlobEntry> {
    const nowMs = this.#nowMs()
    const name = cid.toString()
    const keepUntilMs = nowMs + this.#limits.temporaryMs
    let kept: BlobEntry | null = null
    try {
      kept = await this.#actors.transact(did, async ({ blobs }) => {
        const [before] = await blobs.findMany([name])
        if (before === undefined || before.doomed) this.#assertRoom((await blobs.usage()) + size)
        const entry = await blobs.keep({ cid: name, mimeType, size, temporaryKey: key, keepUntilMs })
        // Records may have been there before their blobs, as after an import.
        if (await blobs.isReferenced(name)) await blobs.settle({ used: [], released: [name], nowMs })
        return entry
      })
      return kept
    } finally {
      if (kept?.temporaryKey !== key) await this.#discard(did, key)
    }
  }

  /** Bytes that nobody needs must not spoil the answer; what stays is swept. */
  async #discard(did: Did, key: string): Promise<void> {
    try {
      await this.#store.deleteTemporary(did, key)
    } catch (err) {
      this.#logger.warn({ did, key, err }, 'superfluous bytes were not deleted')
    }
  }

  #assertRoom(usedBytes: number): void {
    if (usedBytes <= this.#limits.quotaBytes) return
    throw new StratosError('QuotaExceeded', `your blobs may have ${this.#limits.quotaBytes} bytes together`)
  }

  #tooLarge(): StratosError {
    return new StratosError('PayloadTooLarge', `a blob may have ${this.#limits.maxBytes} bytes`)
  }

  /** Uploads take disk before they are counted, so few may run at a time. */
  async #slot<T>(did: Did, work: () => Promise<T>): Promise<T> {
    const mine = this.#underWay.get(did) ?? 0
    if (mine >= CONCURRENT_PER_USER || this.#total >= CONCURRENT) {
      throw new StratosError('ServiceUnavailable', 'too many uploads at the same time')
    }
    this.#underWay.set(did, mine + 1)
    this.#total += 1
    try {
      return await work()
    } finally {
      this.#total -= 1
      const left = (this.#underWay.get(did) ?? 1) - 1
      if (left === 0) this.#underWay.delete(did)
      else this.#underWay.set(did, left)
    }
  }
}

/** Counts, hashes and looks at the bytes of an upload while they pass. */
class MeasuredUpload {
  size = 0
  mimeType = ''
  readonly #upload: BlobUpload
  readonly #maxBytes: number
  readonly #tooLarge: () => StratosError
  readonly #hash = createHash('sha256')
  #cid: UploadResult['cid'] | null = null

  constructor(upload: BlobUpload, maxBytes: number, tooLarge: () => StratosError) {
    this.#upload = upload
    this.#maxBytes = maxBytes
    this.#tooLarge = tooLarge
  }

  /** Of all bytes; only when they have passed. */
  get cid(): UploadResult['cid'] {
    this.#cid ??= cidForRawHash(this.#hash.digest())
    return this.#cid
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    let head = Buffer.alloc(0)
    for await (const chunk of this.#upload.bytes) {
      this.size += chunk.length
      if (this.size > this.#maxBytes) throw this.#tooLarge()
      if (head.length < MEDIA_TYPE_HEAD_BYTES) {
        head = Buffer.concat([head, chunk.subarray(0, MEDIA_TYPE_HEAD_BYTES - head.length)])
        if (head.length === MEDIA_TYPE_HEAD_BYTES) this.#decide(head)
      }
      this.#hash.update(chunk)
      yield chunk
    }
    if (this.size === 0) throw new StratosError('InvalidRequest', 'the blob has no content')
    if (head.length < MEDIA_TYPE_HEAD_BYTES) this.#decide(head)
  }

  #decide(head: Uint8Array): void {
    this.mimeType = decideMediaType(this.#upload.declaredType, head)
  }
}
