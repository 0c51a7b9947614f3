import { decode } from '@atproto/lex-cbor'
import { isCid, isCidForBytes, type Cid } from '@atproto/lex-data'
import { openCar, parseNsid, parseRkey, parseTid, readTree, StratosError } from 'stratos-core'
import { buildRecordRow, UnusableRecordError, type RecordRow } from '../record-rows.ts'

/** A repo as it was at one revision. */
export interface RepoSnapshot {
  readonly rev: string
  /** By URI. */
  readonly rows: ReadonlyMap<string, RecordRow>
  readonly unusable: readonly { readonly path: string; readonly reason: string }[]
}

/** Of one repo; it is held in memory while it is read. */
const LIMITS = { maxBytes: 256 * 1024 * 1024, maxBlockBytes: 1024 * 1024, maxBlocks: 2_000_000 }

/**
 * Reads an exported repo. The service that sent it is trusted for whose it is; that blocks are what their CIDs name is checked.
 *
 * @throws {StratosError} if it is no repo, or too large to be read
 */
export async function readRepo(
  car: AsyncIterable<Uint8Array>,
  did: string,
  nowMs: number,
): Promise<RepoSnapshot> {
  const { roots, frames } = await openCar(car, LIMITS)
  const blocks = new Map<string, Uint8Array>()
  for await (const page of frames) {
    for (const { cid, bytes } of page) {
      if (!(await isCidForBytes(cid, bytes))) throw invalid('a block is not what its CID names')
      blocks.set(cid.toString(), Uint8Array.from(bytes))
    }
  }
  const find = (cid: Cid): Uint8Array | null => blocks.get(cid.toString()) ?? null
  const { rev, tree } = readCommit(roots[0], did, find)
  const rows = new Map<string, RecordRow>()
  const unusable: { path: string; reason: string }[] = []
  for (const { key, value } of readTree(tree, find)) {
    const bytes = find(value)
    // A record that the service does not show to us.
    if (bytes === null) continue
    const slash = key.indexOf('/')
    const collection = parseNsid(key.slice(0, Math.max(0, slash)))
    const rkey = parseRkey(key.slice(slash + 1))
    try {
      const row = buildRecordRow({ did, collection, rkey }, decodeBlock(bytes), value.toString(), nowMs)
      // Its encoding is the block, and a large repo need not be in memory twice.
      if (row !== null) rows.set(row.uri, { ...row, bytes })
    } catch (err) {
      if (!(err instanceof UnusableRecordError)) throw err
      unusable.push({ path: key, reason: err.message })
    }
  }
  return { rev, rows, unusable }
}

function readCommit(
  root: Cid | undefined,
  did: string,
  find: (cid: Cid) => Uint8Array | null,
): { rev: string; tree: Cid } {
  const bytes = root === undefined ? null : find(root)
  const commit = bytes === null ? null : decodeCommit(bytes)
  if (typeof commit !== 'object' || commit === null) throw invalid('it has no commit')
  const { did: owner, rev, data: tree } = commit as Readonly<Record<string, unknown>>
  if (owner !== did) throw invalid('it is the repo of somebody else')
  if (typeof rev !== 'string' || !isCid(tree, { flavor: 'cbor' })) throw invalid('its commit is incomplete')
  return { rev: parseTid(rev), tree }
}

function decodeCommit(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (err) {
    throw new StratosError('InvalidCar', 'its commit is not DAG-CBOR', { cause: err })
  }
}

function decodeBlock(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (err) {
    throw new UnusableRecordError('it is not DAG-CBOR', { cause: err })
  }
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidCar', `not a usable export: ${message}`)
}
