import {
  formatAtUri,
  readScopeOf,
  StratosError,
  type Actors,
  type AtUri,
  type BlobEntry,
  type BlobStore,
  type ByteRange,
  type ChunkMemory,
  type Did,
  type ReadScope,
  type StoredBytes,
  type Tid,
  type UserViewer,
  type Viewer,
} from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'
import { VerifiedBytes } from './verified-bytes.ts'

const ATTEMPTS = 3

export interface OpenBlob {
  readonly cid: string
  readonly mimeType: string
  readonly bytes: StoredBytes
}

/**
 * The only door to blobs. A viewer may read a blob if they may read at least one record of the same repo that refers to
 * it, and it was not taken down.
 */
export class ReadBlobs {
  readonly #actors: Pick<Actors, 'read'>
  readonly #store: Pick<BlobStore, 'open' | 'openTemporary'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #verified = new VerifiedBytes()

  constructor(options: {
    actors: Pick<Actors, 'read'>
    store: Pick<BlobStore, 'open' | 'openTemporary'>
    serviceBoundaries: ReadonlySet<string>
  }) {
    this.#actors = options.actors
    this.#store = options.store
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /**
   * @throws {StratosError} `BlobNotFound`, the same whether the blob is missing, hidden or referred to by no record
   * @throws {Error} if its bytes are gone or damaged
   */
  async open(viewer: Viewer, owner: Did, cid: string): Promise<OpenBlob> {
    const found = await this.#open(viewer, owner, cid)
    const read = (range?: ByteRange, memory?: ChunkMemory) =>
      this.#readMoving(viewer, owner, found, range, memory)
    return { ...found, bytes: { ...found.bytes, read } }
  }

  /** A page of CIDs in order. An unknown repo has none. */
  async list(
    viewer: Viewer,
    owner: Did,
    query: { since?: Tid | undefined; after: string; limit: number },
  ): Promise<string[]> {
    const scope = this.#scope(viewer, owner)
    const found = await readIfPresent(this.#actors, owner, ({ blobs }) =>
      blobs.listVisible({ ...query, scope }),
    )
    return found ?? []
  }

  /** Those of the blobs that the viewer may read. */
  async filter(viewer: Viewer, owner: Did, cids: readonly string[]): Promise<string[]> {
    const scope = this.#scope(viewer, owner)
    const found = await readIfPresent(this.#actors, owner, ({ records }) =>
      records.filterReferencedBlobs(cids, scope),
    )
    return cids.filter((cid) => found?.has(cid) === true)
  }

  /** Blobs that the owner's records refer to and that were never uploaded, each with one such record. */
  async listMissing(
    owner: UserViewer,
    after: string,
    limit: number,
  ): Promise<{ cid: string; recordUri: AtUri }[]> {
    const found = await readIfPresent(this.#actors, owner.did, ({ blobs }) => blobs.listMissing(after, limit))
    return (found ?? []).map(({ cid, record }) => ({
      cid,
      recordUri: formatAtUri({ did: owner.did, ...record }),
    }))
  }

  /** Bytes move while they become permanent: whoever comes too late for the old place looks again. */
  async #open(viewer: Viewer, owner: Did, cid: string): Promise<OpenBlob> {
    const scope = this.#scope(viewer, owner)
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const entry = await readIfPresent(this.#actors, owner, ({ blobs }) => blobs.findVisible(cid, scope))
      if (entry === null) throw blobNotFound()
      const stored = await this.#openBytes(owner, entry)
      if (stored === null) continue
      try {
        const bytes = await this.#verified.open(`${owner}/${cid}`, cid, stored)
        return { cid, mimeType: entry.mimeType, bytes }
      } catch (err) {
        if (!isMissing(err)) throw err
      }
    }
    throw new Error(`the bytes of blob ${owner}/${cid} are gone`)
  }

  async *#readMoving(
    viewer: Viewer,
    owner: Did,
    { cid, bytes }: OpenBlob,
    range: ByteRange | undefined,
    memory: ChunkMemory | undefined,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes.read(range, memory)
    } catch (err) {
      if (!isMissing(err)) throw err
      // Nothing has been read yet.
      const again = await this.#open(viewer, owner, cid)
      yield* again.bytes.read(range, memory)
    }
  }

  async #openBytes(owner: Did, { cid, temporaryKey }: BlobEntry): Promise<StoredBytes | null> {
    const temporary = temporaryKey === null ? null : await this.#store.openTemporary(owner, temporaryKey)
    return temporary ?? this.#store.open(owner, cid)
  }

  #scope(viewer: Viewer, owner: Did): ReadScope {
    return readScopeOf(viewer, owner, this.#serviceBoundaries)
  }
}

export function blobNotFound(): StratosError {
  return new StratosError('BlobNotFound', 'there is no such blob')
}

function isMissing(err: unknown): boolean {
  return err instanceof StratosError && err.code === 'BlobNotFound'
}
