import { deserialize, serialize } from 'node:v8'
import {
  CID_BYTES,
  readCid,
  type Boundary,
  type Cid,
  type PieceSpool,
  type RecordBlock,
  type RecordKey,
  type RecordLink,
} from 'stratos-core'

/** As many as one request may write; an event names no more. */
const RECORDS_PER_COMMIT = 200
/** What is in memory at a time. A commit has at least one record. */
const BYTES_PER_COMMIT = 2 * 1024 * 1024

/** A record of which everything is known that is to be stored. */
export interface PlannedRecord extends RecordKey {
  readonly block: RecordBlock
  readonly boundaries: readonly Boundary[]
  /** CIDs of the blobs it refers to. */
  readonly blobs: readonly string[]
  readonly links: readonly RecordLink[]
  /** As the record has it, whatever that is worth. */
  readonly createdAt: string | undefined
}

/** What one of the commits writes that fill an empty repo. */
export interface PlannedCommit {
  readonly records: readonly PlannedRecord[]
  /** Nodes of the tree that no later commit changes; in the last one, all others too. */
  readonly nodes: readonly RecordBlock[]
  /** Root of the tree as it is with these records and those before. */
  readonly data: Cid
  readonly last: boolean
}

/** Writes down what is to be imported, commit by commit, so that memory need not hold it. */
export class PlanWriter {
  readonly #spool: PieceSpool
  #records: PlannedRecord[] = []
  #nodes: RecordBlock[] = []
  #bytes = 0

  constructor(spool: PieceSpool) {
    this.#spool = spool
  }

  /** Whether the commit has to end before a record of so many bytes. */
  isFullFor(bytes: number): boolean {
    const { length } = this.#records
    return length === RECORDS_PER_COMMIT || (length > 0 && this.#bytes + bytes > BYTES_PER_COMMIT)
  }

  addRecord(record: PlannedRecord): void {
    this.#records.push(record)
    this.#bytes += record.block.bytes.byteLength
  }

  addNode(node: RecordBlock): void {
    this.#nodes.push(node)
  }

  /** Ends a commit. @param data root of the tree with its records */
  async endCommit(data: Cid, last: boolean): Promise<void> {
    const commit = { records: this.#records, nodes: this.#nodes, data, last }
    this.#records = []
    this.#nodes = []
    this.#bytes = 0
    await this.#spool.put(encodePlannedCommit(commit))
    if (last) await this.#spool.seal()
  }
}

/** All commits of a plan, in order. */
export function* readPlan(spool: PieceSpool): Generator<PlannedCommit, void, undefined> {
  for (const piece of spool.pieces()) yield decodePlannedCommit(piece)
}

/** Most records have one of few collections and boundaries, and neither blobs nor links; many small values take long. */
interface EncodedCommit {
  readonly kinds: readonly Kind[]
  /** One for each record, as are the next two: which kind it has. */
  readonly kindOf: readonly number[]
  readonly rkeys: readonly PlannedRecord['rkey'][]
  readonly createdAt: readonly (string | undefined)[]
  readonly pointers: readonly (readonly [record: number, Pointers])[]
  readonly data: Uint8Array
  readonly last: boolean
  /** First of the records, then of the nodes: lengths of the contents, and each CID with its contents. */
  readonly lengths: readonly number[]
  readonly blocks: Uint8Array
}

type Kind = Pick<PlannedRecord, 'collection' | 'boundaries'>
type Pointers = Pick<PlannedRecord, 'blobs' | 'links'>

const NO_POINTERS: Pointers = { blobs: [], links: [] }

function encodePlannedCommit({ records, nodes, data, last }: PlannedCommit): Uint8Array {
  const blocks = [...records.map(({ block }) => block), ...nodes]
  const kinds = new Map<string, Kind>()
  const numbers = new Map<string, number>()
  const kindOf = records.map(({ collection, boundaries }) => {
    const name = [collection, ...boundaries].join(' ')
    const known = numbers.get(name)
    if (known !== undefined) return known
    kinds.set(name, { collection, boundaries })
    numbers.set(name, numbers.size)
    return numbers.size - 1
  })
  const pointers = records.flatMap(({ blobs, links }, index) =>
    blobs.length + links.length === 0 ? [] : [[index, { blobs, links }] as const],
  )
  return serialize({
    kinds: [...kinds.values()],
    kindOf,
    rkeys: records.map(({ rkey }) => rkey),
    createdAt: records.map(({ createdAt }) => createdAt),
    pointers,
    data: data.bytes,
    last,
    lengths: blocks.map(({ bytes }) => bytes.byteLength),
    blocks: Buffer.concat(blocks.flatMap(({ cid, bytes }) => [cid.bytes, bytes])),
  } satisfies EncodedCommit)
}

function decodePlannedCommit(piece: Uint8Array): PlannedCommit {
  const encoded = deserialize(piece) as EncodedCommit
  const { kinds, kindOf, rkeys, createdAt, data, last, lengths } = encoded
  let at = 0
  const blocks = lengths.map((length) => {
    const start = at + CID_BYTES
    const block = { cid: cidAt(encoded.blocks, at), bytes: encoded.blocks.subarray(start, start + length) }
    at = start + length
    return block
  })
  const pointers = new Map(encoded.pointers)
  const records = rkeys.map((rkey, index) => {
    const kind = kinds[kindOf[index] ?? -1]
    const block = blocks[index]
    if (kind === undefined || block === undefined) throw damaged()
    return { ...kind, rkey, createdAt: createdAt[index], block, ...(pointers.get(index) ?? NO_POINTERS) }
  })
  return { records, nodes: blocks.slice(records.length), data: cidAt(data, 0), last }
}

function cidAt(bytes: Uint8Array, at: number): Cid {
  const cid = readCid(bytes, at)
  if (cid === null) throw damaged()
  return cid
}

function damaged(): Error {
  return new Error('the plan of an import is damaged')
}
