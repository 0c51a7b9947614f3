/**
 * Whether a record is in its author's private repo, and how far that is shown.
 *
 * A level says what was checked and never more. A check that fails throws; it never becomes a lower level.
 */
import {
  StratosError,
  findCommit,
  findProvenRecord,
  parseDid,
  parseNsid,
  parseRkey,
  readProof,
  type Proof,
  type SignedCommit,
} from 'stratos-core'
import type { LexMap } from '@atproto/lex-data'
import type { PublicKey } from './attestation.ts'
import { readAtMost } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { parseServiceUrl } from './routing.ts'
import { readServiceError } from './service-error.ts'

const MAX_PROOF_BYTES = 4 * 1024 * 1024

/**
 * What was shown about a record, the strongest first:
 *
 * - `user-signature`: it is in a repo whose commit is signed with the user's key. The service keeps that key, so this shows
 *   that the service acts for the user, and that everybody who asks is shown the same signed repo
 * - `service-signature`: the commit is signed with the service's own key
 * - `cid-integrity`: the bytes are those that the CID names, at their place in a tree; nobody's signature was looked at
 */
export type VerificationLevel = 'user-signature' | 'service-signature' | 'cid-integrity'

/** Weakest first. */
const LEVELS: readonly VerificationLevel[] = ['cid-integrity', 'service-signature', 'user-signature']

/** A record and what was shown about it. */
export interface VerifiedRecord {
  /** CIDv1 as text. */
  cid: string
  /** Decoded: links are `Cid`, byte strings `Uint8Array`. */
  record: LexMap
  level: VerificationLevel
}

export interface VerificationKeys {
  /** From {@link resolveUserSigningKey}; preferred where both are given. */
  userSigningKey?: PublicKey | null
  /** From {@link resolveServiceSigningKey}. */
  serviceSigningKey?: PublicKey | null
}

export interface FetchAndVerifyOptions extends VerificationKeys {
  /** Sends the request; pass a handler from {@link createStratosFetchHandler} to ask as the user. Plain fetch by default. */
  fetchFn?: (url: string, init?: RequestInit) => Promise<Response>
  /** Refuses a record about which less is shown. */
  minimumLevel?: VerificationLevel
  /** The version that is expected, such as the `subject.cid` of a stub. */
  expectedCid?: string
  signal?: AbortSignal
}

/**
 * Checks a proof without looking at its signature: the bytes are what their CIDs name, and the record is at its place.
 *
 * @param carBytes answer of `com.atproto.sync.getRecord`
 * @param did whose repo it must be; without it, the proof may be of any one repo
 * @throws {StratosClientError} `VerificationFailed`
 */
export async function verifyCidIntegrity(
  carBytes: Uint8Array,
  collection: string,
  rkey: string,
  did?: string,
): Promise<VerifiedRecord> {
  return verifying(async () => {
    const proof = await readProof(carBytes)
    return proveRecord(proof, commitOf(proof, did), { collection, rkey }, 'cid-integrity')
  })
}

/**
 * Fetches a record together with its proof, and checks the proof as far as the keys allow.
 *
 * @returns the record at level `user-signature` or `service-signature` if a key for it was given, else `cid-integrity`
 * @throws {StratosClientError} `VerificationFailed` if anything about the proof or its signature is wrong;
 *   `VerificationTooWeak` below `minimumLevel`; `ServiceUnreachable`
 * @throws {StratosServiceError} such as `RecordNotFound`, which is also the answer for what the caller may not see
 */
export async function fetchAndVerifyRecord(
  serviceUrl: string,
  did: string,
  collection: string,
  rkey: string,
  options: FetchAndVerifyOptions = {},
): Promise<VerifiedRecord> {
  requireLevel(reachableLevel(options), options.minimumLevel)
  const car = await fetchProof(serviceUrl, { did, collection, rkey }, options)
  const verified = await verifying(async () => {
    const proof = await readProof(car)
    const commit = commitOf(proof, did)
    return proveRecord(proof, commit, { collection, rkey }, await verifyCommit(commit, options))
  })
  if (options.expectedCid !== undefined && verified.cid !== options.expectedCid) {
    throw failed(`the service has ${verified.cid} where ${options.expectedCid} was expected`)
  }
  return verified
}

/** Checks the signature of a commit with the best key there is. @returns the level that this shows */
export async function verifyCommit(commit: SignedCommit, keys: VerificationKeys): Promise<VerificationLevel> {
  const level = reachableLevel(keys)
  const key = level === 'user-signature' ? keys.userSigningKey : keys.serviceSigningKey
  if (key !== undefined && key !== null) await commit.verify(key)
  return level
}

/** @throws {StratosClientError} `VerificationTooWeak` */
export function requireLevel(level: VerificationLevel, minimum: VerificationLevel | undefined): void {
  if (minimum !== undefined && LEVELS.indexOf(level) < LEVELS.indexOf(minimum)) {
    throw new StratosClientError('VerificationTooWeak', `only ${level} can be shown, and not ${minimum}`)
  }
}

/** Reports what core finds wrong with a proof as a failed verification. */
export async function verifying<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (err) {
    if (!(err instanceof StratosError)) throw err
    throw failed(err.message, err)
  }
}

function reachableLevel({ userSigningKey, serviceSigningKey }: VerificationKeys): VerificationLevel {
  if (userSigningKey !== undefined && userSigningKey !== null) return 'user-signature'
  return serviceSigningKey !== undefined && serviceSigningKey !== null ? 'service-signature' : 'cid-integrity'
}

/** The commit of one repo; without a DID, of the only one there is. */
function commitOf(proof: Proof, did: string | undefined): SignedCommit {
  const commit = findCommit(proof, did === undefined ? null : parseDid(did))
  if (commit === null) throw failed('the proof is not about this repo')
  return commit
}

function proveRecord(
  proof: Proof,
  commit: SignedCommit,
  { collection, rkey }: { collection: string; rkey: string },
  level: VerificationLevel,
): VerifiedRecord {
  const place = { collection: parseNsid(collection), rkey: parseRkey(rkey) }
  const proven = findProvenRecord(proof, commit, place)
  if (proven === null) throw failed(`the repo has no record at ${collection}/${rkey}`)
  return { cid: proven.cid.toString(), record: proven.record, level }
}

async function fetchProof(
  serviceUrl: string,
  query: { did: string; collection: string; rkey: string },
  { fetchFn = globalThis.fetch, signal }: FetchAndVerifyOptions,
): Promise<Uint8Array> {
  const url = new URL(
    `/xrpc/com.atproto.sync.getRecord?${new URLSearchParams(query)}`,
    parseServiceUrl(serviceUrl),
  )
  let response: Response
  try {
    response = await fetchFn(url.href, { redirect: 'error', signal })
  } catch (cause) {
    signal?.throwIfAborted()
    throw new StratosClientError('ServiceUnreachable', `cannot reach ${url.origin}`, { cause })
  }
  if (!response.ok) throw await readServiceError(response)
  const bytes = response.body === null ? null : await readAtMost(response.body, MAX_PROOF_BYTES)
  if (bytes === null) throw failed('the proof is empty or too long')
  return bytes
}

function failed(message: string, cause?: unknown): StratosClientError {
  return new StratosClientError('VerificationFailed', message, { cause })
}
