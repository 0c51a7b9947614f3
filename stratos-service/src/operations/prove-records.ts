import {
  readScopeOf,
  type Actors,
  type Cid,
  type Did,
  type RecordAddress,
  type RecordKey,
  type Snapshot,
  type StoredRecord,
  type Viewer,
} from 'stratos-core'
import { encodeCar, findTreePath, type CarBlock } from 'stratos-core/repo'
import { nullIfAbsent } from './read-if-present.ts'
import { recordNotFound } from './record-not-found.ts'
import { MissingBlock, TreeNodes } from './tree-nodes.ts'

type Stores = Snapshot['stores']

/** What proves records of one repo: its newest commit, the MST nodes on the way to them, and the records. */
export interface RepoProof {
  readonly root: Cid
  readonly blocks: readonly CarBlock[]
}

/** A commit may come between two reads, and then a proof is begun anew. */
const ATTEMPTS = 3

/** Proves to readers that records are in a repo, by blocks that they can check against its owner's key. */
export class ProveRecords {
  readonly #actors: Pick<Actors, 'read' | 'openSnapshot'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #nodes = new TreeNodes()

  constructor(options: {
    actors: Pick<Actors, 'read' | 'openSnapshot'>
    serviceBoundaries: ReadonlySet<string>
  }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /**
   * Proves one record. To the owner and to allow-listed services, who may read the whole tree, also that there is none.
   *
   * @returns a CAR file with the newest commit as its root
   * @throws {StratosError} `RecordNotFound`, the same whether the record is missing or hidden
   */
  async prove(viewer: Viewer, { did, collection, rkey }: RecordAddress): Promise<Uint8Array> {
    const scope = readScopeOf(viewer, did, this.#serviceBoundaries)
    if (scope.kind === 'boundaries' && scope.boundaries.length === 0) throw recordNotFound()
    const mayKnowAbsence = scope.kind === 'all' || viewer.kind === 'service'
    const key = { collection, rkey }
    const proving = this.#readOneState(did, async (stores) => {
      const found = await stores.records.find(key, scope)
      if (found !== null) return this.#proveThese(did, stores, [found])
      if (!mayKnowAbsence) throw recordNotFound()
      const { root, blocks, values } = await this.#readPaths(did, stores, [key])
      // It is there, and not for this viewer.
      if (values[0] !== null) throw recordNotFound()
      return { root, blocks }
    })
    const proof = await nullIfAbsent(proving)
    if (proof === null) throw recordNotFound()
    return encodeCar([proof.root], proof.blocks)
  }

  /**
   * Reads records of one repo and proves them together, each block once.
   *
   * @param read may be called several times
   * @returns null in place of a proof of nothing
   * @throws {StratosError} `RepoNotFound`
   */
  async readAndProve<T extends { readonly records: readonly StoredRecord[] }>(
    did: Did,
    read: (stores: Stores) => Promise<T>,
  ): Promise<{ readonly found: T; readonly proof: RepoProof | null }> {
    return this.#readOneState(did, async (stores) => {
      const found = await read(stores)
      const proof = found.records.length === 0 ? null : await this.#proveThese(did, stores, found.records)
      return { found, proof }
    })
  }

  /** Hopes that no commit comes between the reads of `work`; where they come all the time, reads a state of its own. */
  async #readOneState<T>(did: Did, work: (stores: Stores) => Promise<T>): Promise<T> {
    for (let attempts = 0; attempts < ATTEMPTS; attempts++) {
      try {
        return await this.#actors.read(did, work)
      } catch (err) {
        if (!(err instanceof MissingBlock)) throw err
      }
    }
    const snapshot = await this.#actors.openSnapshot(did)
    try {
      return await work(snapshot.stores)
    } finally {
      await snapshot.close()
    }
  }

  async #proveThese(did: Did, stores: Stores, records: readonly StoredRecord[]): Promise<RepoProof> {
    const { root, blocks, values } = await this.#readPaths(did, stores, records)
    const bodies = new Map<string, CarBlock>()
    for (const [index, { cid: text, bytes }] of records.entries()) {
      const cid = values[index] ?? null
      // What was read is what the viewer may see; another version may be for others.
      if (cid?.toString() !== text) throw new MissingBlock(text)
      bodies.set(text, { cid, bytes })
    }
    return { root, blocks: [...blocks, ...bodies.values()] }
  }

  /** The newest commit and the nodes on the way to keys, with what is found there. */
  async #readPaths(
    did: Did,
    { repo }: Stores,
    keys: readonly RecordKey[],
  ): Promise<RepoProof & { readonly values: readonly (Cid | null)[] }> {
    const head = await repo.findHead()
    if (head === null) throw recordNotFound()
    const root = head.cid
    const commit = await repo.findBlock(root.toString())
    if (commit === null) throw new MissingBlock(root.toString())
    const blocks = new Map<string, CarBlock>([[root.toString(), { cid: root, bytes: commit }]])
    const values: (Cid | null)[] = []
    for (const { collection, rkey } of keys) {
      const readNode = (cid: Cid) => this.#nodes.read(did, repo, cid)
      const { nodes, value } = await findTreePath(readNode, head.data, `${collection}/${rkey}`)
      for (const node of nodes) blocks.set(node.cid.toString(), node)
      values.push(value)
    }
    return { root, blocks: [...blocks.values()], values }
  }
}
