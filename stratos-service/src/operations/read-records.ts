import type { LexMap } from '@atproto/lex-data'
import {
  decodeRecord,
  formatAtUri,
  parseAtUri,
  readScopeOf,
  StratosError,
  type Actors,
  type AtUri,
  type Did,
  type Nsid,
  type ReadScope,
  type RecordAddress,
  type Rkey,
  type StoredRecord,
  type Viewer,
} from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

export interface ReadRecord {
  readonly uri: AtUri
  readonly cid: string
  readonly value: LexMap
}

export interface HydratedRecords {
  /** In the order asked. */
  readonly records: readonly ReadRecord[]
  readonly notFound: readonly AtUri[]
}

/** The only door to record bodies. Whatever it hands out, the given viewer may see. */
export class ReadRecords {
  readonly #actors: Pick<Actors, 'read'>
  readonly #serviceBoundaries: ReadonlySet<string>

  constructor(options: { actors: Pick<Actors, 'read'>; serviceBoundaries: ReadonlySet<string> }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /**
   * @param cid if given, another version counts as missing
   * @throws {StratosError} `RecordNotFound`, the same whether the record is missing or hidden
   */
  async get(viewer: Viewer, address: RecordAddress, cid?: string): Promise<ReadRecord> {
    const scope = this.#scope(viewer, address.did)
    const found = await readIfPresent(this.#actors, address.did, ({ records }) =>
      records.find(address, scope),
    )
    if (found === null || (cid !== undefined && cid !== found.cid)) {
      throw new StratosError('RecordNotFound', 'there is no such record')
    }
    return toReadRecord(address.did, found)
  }

  /** A page of one collection, without the records that the viewer may not see. An unknown repo is an empty one. */
  async list(
    viewer: Viewer,
    owner: Did,
    query: { collection: Nsid; after?: Rkey | undefined; limit: number; ascending: boolean },
  ): Promise<ReadRecord[]> {
    const scope = this.#scope(viewer, owner)
    const found = await readIfPresent(this.#actors, owner, ({ records }) => records.list({ ...query, scope }))
    return (found ?? []).map((record) => toReadRecord(owner, record))
  }

  /**
   * Turns URIs into records for a viewer, one query per repo.
   *
   * @param uris up to 100
   * @throws {StratosError} `InvalidRequest` for a malformed URI
   */
  async hydrate(viewer: Viewer, uris: readonly string[]): Promise<HydratedRecords> {
    // Asked for twice is answered once: an answer must not outgrow its request.
    const wanted = [...new Set(uris)].map((uri) => ({ uri, address: parseAtUri(uri) }))
    const byOwner = Map.groupBy(wanted, ({ address }) => address.did)
    const found = new Map<string, ReadRecord>()
    const pages = [...byOwner].map(async ([owner, entries]) => {
      const scope = this.#scope(viewer, owner)
      const keys = entries.map(({ address }) => address)
      const page = await readIfPresent(this.#actors, owner, ({ records }) => records.findMany(keys, scope))
      for (const record of page ?? []) {
        const read = toReadRecord(owner, record)
        found.set(read.uri, read)
      }
    })
    await Promise.all(pages)
    return {
      records: wanted.flatMap(({ uri }) => found.get(uri) ?? []),
      notFound: wanted.map(({ address }) => formatAtUri(address)).filter((uri) => !found.has(uri)),
    }
  }

  #scope(viewer: Viewer, owner: Did): ReadScope {
    return readScopeOf(viewer, owner, this.#serviceBoundaries)
  }
}

function toReadRecord(did: Did, record: StoredRecord): ReadRecord {
  const { collection, rkey, cid, bytes } = record
  return { uri: formatAtUri({ did, collection, rkey }), cid, value: decodeRecord(bytes) }
}
