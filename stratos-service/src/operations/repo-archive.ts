import { decode, encode } from '@atproto/lex-cbor'
import { isCid, isPlainObject, type LexMap } from '@atproto/lex-data'
import {
  decodeRecord,
  findInTree,
  readTree,
  openCar,
  parseNsid,
  parseRkey,
  StratosError,
  type BlockSpool,
  type CarLimits,
  type Cid,
  type Did,
  type RecordBlock,
  type RecordKey,
} from 'stratos-core'
import { verifySignature } from 'stratos-core/repo'

/** A record of an archive: where it was, and the CID of what it said. */
export interface ArchivedRecord extends RecordKey {
  /** `collection/rkey` */
  readonly key: string
  readonly value: Cid
}

/**
 * Somebody's repo in an exported file. Blocks are what their CIDs name; whether the tree has its one right shape and whether
 * the records are acceptable is found out while it is imported.
 */
export class RepoArchive {
  /** Root of the tree that the commit signs. */
  readonly data: Cid
  readonly #commit: LexMap
  readonly #spool: BlockSpool

  private constructor(commit: LexMap, data: Cid, spool: BlockSpool) {
    this.#commit = commit
    this.data = data
    this.#spool = spool
  }

  /**
   * Takes in a CAR file to its end.
   *
   * @param did whose repo it must be
   * @throws {StratosError} `InvalidCar`
   */
  static async receive(
    body: AsyncIterable<Uint8Array>,
    did: Did,
    spool: BlockSpool,
    limits: CarLimits,
  ): Promise<RepoArchive> {
    const { roots, frames } = await openCar(body, { ...limits, maxRoots: 1 })
    const [root] = roots
    if (root === undefined) throw invalidArchive('it has no root')
    for await (const blocks of frames) await spool.put(blocks)
    await spool.seal()
    const commit = decodeCommit(spool.find(root))
    if (commit.did !== did) throw invalidArchive('it is the repo of somebody else')
    if (commit.version !== 3) throw invalidArchive('its commit must have version 3')
    if (!isCid(commit.data, { flavor: 'cbor' })) throw invalidArchive('its commit names no tree')
    return new RepoArchive(commit, commit.data, spool)
  }

  /** @param signingKey `did:key` @throws {StratosError} `InvalidCar` unless this key signed the commit */
  verifyCommit(signingKey: string): void {
    const { sig, ...unsigned } = this.#commit
    if (sig instanceof Uint8Array && verifySignature(signingKey, encode(unsigned), sig)) return
    throw invalidArchive('its commit was not signed with the key of your enrollment there')
  }

  /** All records in the order of their keys. @throws {StratosError} `InvalidCar` or `InvalidRequest` on the way */
  *records(): Generator<ArchivedRecord, void, undefined> {
    for (const { key, value } of readTree(this.data, (cid) => this.#spool.find(cid))) {
      yield { key, value, ...parseKey(key) }
    }
  }

  /** @returns null if there is none under this key */
  findRecord({ collection, rkey }: RecordKey): LexMap | null {
    const value = findInTree(this.data, `${collection}/${rkey}`, (cid) => this.#spool.find(cid))
    return value === null ? null : this.getRecord(value)
  }

  /** @throws {StratosError} `InvalidCar` if it is missing, `InvalidRecord` if it is none */
  getRecord(value: Cid): LexMap {
    return decodeRecord(this.getBlock(value).bytes)
  }

  /** @throws {StratosError} `InvalidCar` if it is missing */
  getBlock(cid: Cid): RecordBlock {
    const bytes = this.#spool.find(cid)
    if (bytes === null) throw invalidArchive(`the block ${cid.toString()} of a record is missing`)
    return { cid, bytes }
  }
}

function decodeCommit(bytes: Uint8Array | null): LexMap {
  if (bytes === null) throw invalidArchive('its commit is missing')
  try {
    const commit = decode(bytes)
    if (isPlainObject(commit)) return commit as LexMap
  } catch (err) {
    throw invalidArchive('its commit is not DAG-CBOR', err)
  }
  throw invalidArchive('its root is not a commit')
}

function parseKey(key: string): RecordKey {
  const slash = key.indexOf('/')
  return { collection: parseNsid(key.slice(0, Math.max(0, slash))), rkey: parseRkey(key.slice(slash + 1)) }
}

function invalidArchive(message: string, cause?: unknown): StratosError {
  return new StratosError('InvalidCar', `not a usable export: ${message}`, { cause })
}
