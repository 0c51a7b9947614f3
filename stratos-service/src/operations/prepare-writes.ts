import type { LexMap } from '@atproto/lex-data'
import {
  blobsOf,
  checkReferences,
  encodeRecord,
  nextTid,
  parseRkey,
  validateRecord,
  StratosError,
  type AtUri,
  type Boundary,
  type Nsid,
  type RecordBlob,
  type RecordBlock,
  type RecordPolicy,
  type Rkey,
  type Tid,
  type UserViewer,
} from 'stratos-core'
import type { VisibleReferences } from './visible-references.ts'
import type { Swap, Write, WriteOptions } from './writes.ts'

/** A write that has passed every rule which does not depend on the state of the author's own repo. */
export type PreparedWrite = {
  readonly collection: Nsid
  readonly rkey: Rkey
  readonly swap: Swap
} & (
  | {
      readonly action: 'create' | 'put' | 'update'
      readonly record: LexMap
      readonly block: RecordBlock
      readonly boundaries: readonly Boundary[]
      readonly blobs: readonly RecordBlob[]
      readonly validationStatus: 'valid' | 'unknown' | undefined
    }
  | { readonly action: 'delete' }
)

/** Validates and encodes writes, in order, before anything is locked. */
export class PrepareWrites {
  readonly #references: VisibleReferences
  readonly #policy: RecordPolicy
  readonly #nowMs: () => number
  /** Keeps instances apart that share a database. */
  readonly #clockId: number
  #lastTid: Tid | undefined

  constructor(options: {
    references: VisibleReferences
    policy: RecordPolicy
    nowMs: () => number
    clockId: number
  }) {
    this.#references = options.references
    this.#policy = options.policy
    this.#nowMs = options.nowMs
    this.#clockId = options.clockId
  }

  /** @throws {StratosError} of the first rule that a write breaks; two writes of one record are `InvalidRequest` */
  async prepare(
    author: UserViewer,
    writes: readonly Write[],
    options: WriteOptions,
  ): Promise<PreparedWrite[]> {
    const prepared: PreparedWrite[] = []
    const keys = new Set<string>()
    for (const write of writes) {
      const rkey = write.rkey ?? this.#newRkey()
      const key = `${write.collection}/${rkey}`
      if (keys.has(key)) throw new StratosError('InvalidRequest', `two writes of one request change ${key}`)
      keys.add(key)
      prepared.push(await this.#prepareOne(author, write, rkey, options))
    }
    return prepared
  }

  /** Ascending over all requests, so that two of one millisecond do not meet. */
  #newRkey(): Rkey {
    this.#lastTid = nextTid(this.#lastTid, this.#nowMs(), this.#clockId)
    return parseRkey(this.#lastTid)
  }

  async #prepareOne(
    author: UserViewer,
    write: Write,
    rkey: Rkey,
    options: WriteOptions,
  ): Promise<PreparedWrite> {
    const { action, collection } = write
    if (action === 'delete') return { action, collection, rkey, swap: write.swap }
    const { record } = write
    const valid = validateRecord(
      { collection, rkey, record, validate: options.validate },
      this.#policy,
      author,
    )
    checkReferences(record, valid.boundaries, await this.#visibleReferences(author, valid.references))
    return {
      action,
      collection,
      rkey,
      record,
      swap: action === 'put' ? write.swap : undefined,
      block: await encodeRecord(record),
      boundaries: valid.boundaries,
      blobs: blobsOf(record),
      validationStatus: valid.validationStatus,
    }
  }

  /** Boundaries of those referenced records that the author may see; the others look as if they did not exist. */
  async #visibleReferences(
    author: UserViewer,
    uris: readonly AtUri[],
  ): Promise<Map<AtUri, readonly Boundary[]>> {
    const visible = new Map<AtUri, readonly Boundary[]>()
    for (const uri of uris) {
      const boundaries = await this.#references.find(author, uri)
      if (boundaries !== null) visible.set(uri, boundaries)
    }
    return visible
  }
}
