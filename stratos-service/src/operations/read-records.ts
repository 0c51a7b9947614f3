import { setImmediate as othersHadTheirTurn } from 'node:timers/promises'
import {
  formatAtUri,
  parseAtUri,
  parseRkey,
  readScopeOf,
  type Actors,
  type AtUri,
  type Cid,
  type Did,
  type Nsid,
  type ReadScope,
  type RecordAddress,
  type RecordKey,
  type Snapshot,
  type StoredRecord,
  type Viewer,
} from 'stratos-core'
import { encodeCar, type CarBlock } from 'stratos-core/repo'
import { Semaphore } from '../limits/semaphore.ts'
import type { PageCursors } from './page-cursors.ts'
import type { ProveRecords, RepoProof } from './prove-records.ts'
import { nullIfAbsent, readIfPresent } from './read-if-present.ts'
import { formatRecordJson } from './record-json.ts'
import { isNamedBy } from './record-cid.ts'
import { recordNotFound } from './record-not-found.ts'

export interface ReadRecord {
  readonly uri: AtUri
  readonly cid: string
  /** The record as JSON in UTF-8, links and bytes as in lexicons. */
  readonly json: Uint8Array
}

export interface ListQuery {
  readonly collection: Nsid
  /** From the page before. */
  readonly cursor: string | undefined
  readonly limit: number
  /** Oldest key first instead of newest. */
  readonly ascending: boolean
}

export interface ListedRecords {
  readonly records: readonly ReadRecord[]
  /** null on the last page. */
  readonly cursor: string | null
}

export interface HydratedRecords {
  /** In the order asked. */
  readonly records: readonly ReadRecord[]
  readonly notFound: readonly AtUri[]
  /** Records that are there and would have made the answer too large. */
  readonly postponed: readonly AtUri[]
  /** CAR file with the commits, MST nodes and blocks of all records; null without a record, or if it was not asked for. */
  readonly proof: Uint8Array | null
}

/** What a page of a list and what a hydration may weigh, give or take one record. */
const MAX_LIST_BYTES = 1024 * 1024
const MAX_HYDRATED_BYTES = 2 * 1024 * 1024
/** Other requests get their turn when so much was worked on. */
const BYTES_PER_TURN = 128 * 1024
/** Repos that one hydration reads at the same time; others want to read as well. */
const REPOS_AT_ONCE = 8

/** The only door to record bodies. Whatever it hands out, the given viewer may see. */
export class ReadRecords {
  readonly #actors: Pick<Actors, 'read'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #cursors: Pick<PageCursors, 'seal' | 'open'>
  readonly #proofs: Pick<ProveRecords, 'readAndProve'>
  readonly #onDamaged: (uri: AtUri) => void

  constructor(options: {
    actors: Pick<Actors, 'read'>
    serviceBoundaries: ReadonlySet<string>
    cursors: Pick<PageCursors, 'seal' | 'open'>
    proofs: Pick<ProveRecords, 'readAndProve'>
    /** Hears of records whose stored bytes are not what they should be. They count as missing. */
    onDamaged: (uri: AtUri) => void
  }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
    this.#cursors = options.cursors
    this.#proofs = options.proofs
    this.#onDamaged = options.onDamaged
  }

  /** What `viewer` may see of the repo of `owner`. */
  scope(viewer: Viewer, owner: Did): ReadScope {
    return readScopeOf(viewer, owner, this.#serviceBoundaries)
  }

  /**
   * @param cid if given, another version counts as missing
   * @throws {StratosError} `RecordNotFound`, the same whether the record is missing or hidden
   */
  async get(viewer: Viewer, address: RecordAddress, cid?: string): Promise<ReadRecord> {
    const scope = this.scope(viewer, address.did)
    const found = seesNothing(scope)
      ? null
      : await readIfPresent(this.#actors, address.did, ({ records }) => records.find(address, scope))
    const record = found === null ? null : this.#format(address.did, found)
    if (record === null || (cid !== undefined && cid !== record.cid)) throw recordNotFound()
    return record
  }

  /**
   * A page of one collection, without the records that the viewer may not see. An unknown repo is an empty one. A page is
   * shorter than its limit where its records are very large; it is the last one where it has no cursor.
   *
   * @throws {StratosError} `InvalidRequest` for a cursor of another listing, or of somebody else's
   */
  async list(viewer: Viewer, owner: Did, query: ListQuery): Promise<ListedRecords> {
    const { collection, limit, ascending } = query
    const listing = ['records', owner, collection, ascending ? 'ascending' : 'descending']
    const after =
      query.cursor === undefined ? undefined : parseRkey(this.#cursors.open(viewer, listing, query.cursor))
    const scope = this.scope(viewer, owner)
    if (seesNothing(scope)) return { records: [], cursor: null }
    const page = await readIfPresent(this.#actors, owner, ({ records }) =>
      records.list({ collection, after, limit, ascending, scope, maxBytes: MAX_LIST_BYTES }),
    )
    const last = page?.more === true ? page.records.at(-1) : undefined
    return {
      records: await this.#formatAll(owner, page?.records ?? []),
      cursor: last === undefined ? null : this.#cursors.seal(viewer, listing, last.rkey),
    }
  }

  /**
   * Turns URIs into records for a viewer, one query per repo.
   *
   * @param uris up to 100
   * @param options.proof whether to prove them
   * @throws {StratosError} `InvalidRequest` for a malformed URI
   */
  async hydrate(
    viewer: Viewer,
    uris: readonly string[],
    { proof }: { readonly proof: boolean },
  ): Promise<HydratedRecords> {
    // Asked for twice is answered once: an answer must not outgrow its request.
    const wanted = [...new Set(uris)].map(parseAtUri)
    const found = new Map<AtUri, ReadRecord | null>()
    let bytesLeft = MAX_HYDRATED_BYTES
    const proofs: RepoProof[] = []
    await this.#eachRepo(viewer, wanted, async (owner, keys, scope) => {
      const read = ({ records }: Snapshot['stores']) => records.findWithin(keys, scope, bytesLeft)
      const page = await nullIfAbsent(
        proof ? this.#proofs.readAndProve(owner, read) : unproven(this.#actors.read(owner, read)),
      )
      if (page === null) return
      for (const key of page.found.omitted) found.set(formatAtUri({ did: owner, ...key }), null)
      for (const record of page.found.records) bytesLeft -= record.bytes.length
      for (const record of await this.#formatAll(owner, page.found.records)) found.set(record.uri, record)
      if (page.proof !== null) proofs.push(page.proof)
    })
    const order = wanted.map(formatAtUri)
    return {
      records: order.flatMap((uri) => found.get(uri) ?? []),
      notFound: order.filter((uri) => !found.has(uri)),
      postponed: order.filter((uri) => found.get(uri) === null),
      proof: proofs.length === 0 ? null : encodeCar(...joined(proofs)),
    }
  }

  /**
   * Current records, encoded, by `collection/rkey`.
   *
   * @param scope a part of what the viewer may see, such as `scope` says
   */
  async current(
    viewer: Viewer,
    owner: Did,
    keys: readonly RecordKey[],
    scope: ReadScope,
  ): Promise<ReadonlyMap<string, { readonly cid: string; readonly bytes: Uint8Array }>> {
    if (keys.length === 0 || seesNothing(scope)) return new Map()
    const within = intersect(scope, this.scope(viewer, owner))
    const found = await readIfPresent(this.#actors, owner, ({ records }) => records.findMany(keys, within))
    const intact = (found ?? []).filter(({ collection, rkey, cid, bytes }) => {
      if (isNamedBy(bytes, cid)) return true
      this.#onDamaged(formatAtUri({ did: owner, collection, rkey }))
      return false
    })
    return new Map(intact.map((record) => [`${record.collection}/${record.rkey}`, record]))
  }

  /** Those of the records that the viewer may see. */
  async filterVisible(viewer: Viewer, uris: readonly string[]): Promise<Set<AtUri>> {
    const visible = new Set<AtUri>()
    await this.#eachRepo(viewer, uris.map(parseAtUri), async (did, keys, scope) => {
      const batch = await readIfPresent(this.#actors, did, ({ records }) =>
        records.findWithin(keys, scope, 0),
      )
      for (const { collection, rkey } of batch?.omitted ?? [])
        visible.add(formatAtUri({ did, collection, rkey }))
    })
    return visible
  }

  async #eachRepo(
    viewer: Viewer,
    addresses: readonly RecordAddress[],
    work: (owner: Did, keys: readonly RecordKey[], scope: ReadScope) => Promise<void>,
  ): Promise<void> {
    const atOnce = new Semaphore(REPOS_AT_ONCE)
    const repos = [...Map.groupBy(addresses, ({ did }) => did)]
    await Promise.all(
      repos.map(async ([owner, keys]) => {
        const scope = this.scope(viewer, owner)
        if (!seesNothing(scope)) await atOnce.run(() => work(owner, keys, scope))
      }),
    )
  }

  async #formatAll(owner: Did, stored: readonly StoredRecord[]): Promise<ReadRecord[]> {
    const formatted: ReadRecord[] = []
    let bytes = 0
    for (const record of stored) {
      const read = this.#format(owner, record)
      if (read !== null) formatted.push(read)
      bytes += record.bytes.length
      if (bytes < BYTES_PER_TURN) continue
      bytes = 0
      await othersHadTheirTurn()
    }
    return formatted
  }

  #format(did: Did, { collection, rkey, cid, bytes }: StoredRecord): ReadRecord | null {
    const uri = formatAtUri({ did, collection, rkey })
    if (isNamedBy(bytes, cid)) return { uri, cid, json: formatRecordJson(bytes) }
    this.#onDamaged(uri)
    return null
  }
}

async function unproven<T>(found: Promise<T>): Promise<{ readonly found: T; readonly proof: null }> {
  return { found: await found, proof: null }
}

function joined(proofs: readonly RepoProof[]): [roots: Cid[], blocks: CarBlock[]] {
  return [proofs.map(({ root }) => root), proofs.flatMap(({ blocks }) => blocks)]
}

/** Whoever sees nothing learns nothing from how long it takes either: nobody looks. */
function seesNothing(scope: ReadScope): boolean {
  return scope.kind === 'boundaries' && scope.boundaries.length === 0
}

function intersect(one: ReadScope, other: ReadScope): ReadScope {
  if (one.kind === 'all') return other
  if (other.kind === 'all') return one
  return { kind: 'boundaries', boundaries: one.boundaries.filter((name) => other.boundaries.includes(name)) }
}
