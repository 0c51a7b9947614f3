import { decode, encode } from '@atproto/lex-cbor'
import { type Cid, isCid, isPlainObject, type LexMap } from '@atproto/lex-data'
import { StratosError } from '../errors.ts'
import { type Did, type RecordAddress, parseDid } from '../ids.ts'
import { decodeRecord } from '../record/record-block.ts'
import { verifySignature } from '../signature/verify-signature.ts'
import { textMemberOf } from '../untyped.ts'
import type { Proof } from './read-proof.ts'
import { findInTree } from './read-tree.ts'

/** A commit as a proof has it. */
export interface SignedCommit {
  readonly cid: Cid
  readonly did: Did
  readonly rev: string
  /** Root of the tree of records. */
  readonly data: Cid
  /**
   * @param signingKey `did:key` of the key that signs this repo, from a place that is trusted to know
   * @throws {StratosError} `InvalidCar` unless this key made the signature
   */
  verify(signingKey: string): Promise<void>
}

/** A record whose place in a repo was shown. */
export interface ProvenRecord {
  readonly cid: Cid
  readonly record: LexMap
  /** The exact bytes that the CID names. */
  readonly bytes: Uint8Array
}

/**
 * Looks for the commit of a repo among the roots of a proof. Its signature is not looked at until `verify` is called.
 *
 * @param did whose repo; null for a proof about one repo, whosever it is
 * @returns null if the proof has nothing of this repo, or of several where one was asked for
 * @throws {StratosError} `InvalidCar` if a root is no commit
 */
export function findCommit(proof: Proof, did: Did | null): SignedCommit | null {
  if (did === null && proof.roots.length !== 1) return null
  for (const cid of proof.roots) {
    const commit = decodeCommit(proof.find(cid))
    const owner = parseDid(textMemberOf(commit, 'did') ?? '')
    if (did !== null && owner !== did) continue
    const { data } = commit
    const rev = textMemberOf(commit, 'rev')
    if (commit.version !== 3 || rev === undefined || !isCid(data, { flavor: 'cbor' }))
      throw invalid('a root is no commit')
    return { cid, did: owner, rev, data, verify: (signingKey) => verifyCommit(commit, signingKey) }
  }
  return null
}

/**
 * Follows the path from a commit to a record.
 *
 * @returns null if the path shows that the repo has no such record
 * @throws {StratosError} `InvalidCar` if the proof shows neither the record nor its absence; `InvalidRecord` if what is in
 *   its place is no record
 */
export function findProvenRecord(
  proof: Proof,
  commit: SignedCommit,
  { collection, rkey }: Pick<RecordAddress, 'collection' | 'rkey'>,
): ProvenRecord | null {
  const cid = findInTree(commit.data, `${collection}/${rkey}`, (node) => proof.find(node))
  if (cid === null) return null
  const bytes = proof.find(cid)
  if (bytes === null) throw invalid('the record is missing')
  return { cid, bytes, record: decodeRecord(bytes) }
}

async function verifyCommit({ sig, ...unsigned }: LexMap, signingKey: string): Promise<void> {
  if (!(sig instanceof Uint8Array)) throw invalid('a commit has no signature')
  if (!(await verifySignature(signingKey, encode(unsigned), sig)))
    throw invalid('a commit was not signed with the key of its repo')
}

function decodeCommit(bytes: Uint8Array | null): LexMap {
  if (bytes === null) throw invalid('a commit is missing')
  try {
    const commit = decode(bytes)
    if (isPlainObject(commit)) return commit as LexMap
  } catch (err) {
    throw invalid('a commit is not DAG-CBOR', err)
  }
  throw invalid('a root is no commit')
}

function invalid(message: string, cause?: unknown): StratosError {
  return new StratosError('InvalidCar', `not a usable proof: ${message}`, { cause })
}
