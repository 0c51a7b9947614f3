/**
 * From references to records: any number of URIs, in order, each checked.
 */
import { encodeRecord, findCommit, findProvenRecord, parseAtUri, readProof, type Proof } from 'stratos-core'
import type { LexMap } from '@atproto/lex-data'
import type { PublicKey } from './attestation.ts'
import { callStratos, type StratosAccess } from './call.ts'
import { StratosClientError } from './errors.ts'
import { requireLevel, verifyCommit, verifying, type VerificationLevel } from './verification.ts'

/** The service takes this many at a time. */
const BATCH = 100
/** The service puts off what would make an answer too large; each round brings at least one record. */
const MAX_ROUNDS = BATCH + 1

/** What to hydrate: a URI, or with the CID that a stub names for it. */
export type HydrationTarget = string | { uri: string; cid?: string }

/**
 * What became of one target:
 *
 * - `found`: the record, in the version that was asked for if one was
 * - `changed`: the record is there in another version than `expectedCid`, because it was replaced since, or the stub is wrong
 * - `notFound`: there is none, or none that the viewer may see; nobody can tell which
 * - `blocked`: it exists and the viewer named by an allow-listed service may not see it
 */
export type HydratedRecord =
  | { status: 'found'; uri: string; cid: string; value: LexMap; level: VerificationLevel | null }
  | {
      status: 'changed'
      uri: string
      cid: string
      expectedCid: string
      value: LexMap
      level: VerificationLevel | null
    }
  | { status: 'notFound' | 'blocked'; uri: string }

export interface HydrateOptions {
  /**
   * Whether to have the service prove that each record is in its repo; true by default. Without, the level of what was found
   * is null, or `cid-integrity` where a target named its CID.
   */
  proof?: boolean
  /**
   * Finds the key that signs an author's repo, for level `user-signature`; see {@link createSigningKeyResolver}. Asked once
   * for each author and call. Null leaves the records of this author at `cid-integrity`.
   */
  findSigningKey?: (did: string) => Promise<PublicKey | null>
  /** Throws `VerificationTooWeak` for a record about which less is shown. */
  minimumLevel?: VerificationLevel
  /** For allow-listed services: whose eyes to look with. */
  viewer?: string
  signal?: AbortSignal
}

/**
 * Turns references into records.
 *
 * @param targets any number, repeated ones too; asked for in batches of 100
 * @returns one result for each target, in the same order
 * @throws {StratosClientError} `VerificationFailed` if a record is not what the service claims, or its proof does not hold;
 *   `VerificationTooWeak`
 * @throws {StratosServiceError} such as `InvalidRequest` for a malformed URI
 */
export async function hydrateRecords(
  access: StratosAccess,
  targets: readonly HydrationTarget[],
  options: HydrateOptions = {},
): Promise<HydratedRecord[]> {
  const wanted = targets.map((target) => (typeof target === 'string' ? { uri: target } : target))
  const uris = [...new Set(wanted.map(({ uri }) => uri))]
  const keys = rememberKeys(options.findSigningKey)
  const outcomes = new Map<string, Outcome>()
  for (let start = 0; start < uris.length; start += BATCH) {
    await hydrateBatch(
      access,
      uris.slice(start, start + BATCH),
      { ...options, findSigningKey: keys },
      outcomes,
    )
  }
  return wanted.map((target) => resultOf(target, outcomes, options))
}

type Outcome = 'blocked' | 'notFound' | { cid: string; value: LexMap; level: VerificationLevel | null }

async function hydrateBatch(
  access: StratosAccess,
  batch: readonly string[],
  options: HydrateOptions,
  outcomes: Map<string, Outcome>,
): Promise<void> {
  const { proof: wantsProof = true, viewer, signal } = options
  let uris = batch
  for (let round = 0; uris.length > 0; round += 1) {
    if (round === MAX_ROUNDS) throw failed('the service puts records off for ever')
    const input = { uris: [...uris], proof: wantsProof, viewer }
    const answer = await callStratos(access, 'zone.stratos.repo.hydrateRecords', { input, signal })
    const asked = new Set(uris)
    const proof = wantsProof && answer.records.length > 0 ? await openProof(answer.proof) : null
    const proven = proof === null ? null : createProver(proof, options)
    for (const { uri, cid, value } of answer.records) {
      if (!asked.delete(uri)) throw failed(`the service sent ${uri}, which was not asked for`)
      await verifyValue(uri, cid, value)
      outcomes.set(uri, { cid, value, level: proven === null ? null : await proven(uri, cid) })
    }
    for (const uri of answer.blocked) if (asked.delete(uri)) outcomes.set(uri, 'blocked')
    for (const uri of answer.notFound) if (asked.delete(uri)) outcomes.set(uri, 'notFound')
    const postponed: readonly string[] = answer.postponed ?? []
    uris = postponed.filter((uri) => asked.delete(uri))
    if (asked.size > 0) throw failed(`the service says nothing about ${[...asked][0]}`)
  }
}

async function openProof(car: Uint8Array | undefined): Promise<Proof> {
  if (car === undefined) throw failed('the service sent no proof')
  return verifying(() => readProof(car))
}

/** Checks records against one proof, the commit of each author once. */
function createProver(
  proof: Proof,
  { findSigningKey }: HydrateOptions,
): (uri: string, cid: string) => Promise<VerificationLevel> {
  const commits = new Map<
    string,
    Promise<{ commit: NonNullable<ReturnType<typeof findCommit>>; level: VerificationLevel }>
  >()
  const openCommit = async (did: Parameters<typeof findCommit>[1] & string) => {
    const commit = findCommit(proof, did)
    if (commit === null) throw failed(`the proof is not about the repo of ${did}`)
    const userSigningKey = (await findSigningKey?.(did)) ?? null
    return { commit, level: await verifyCommit(commit, { userSigningKey }) }
  }
  return (uri, cid) =>
    verifying(async () => {
      const { did, collection, rkey } = parseAtUri(uri)
      const opened = commits.get(did) ?? openCommit(did)
      commits.set(did, opened)
      const { commit, level } = await opened
      const proven = findProvenRecord(proof, commit, { collection, rkey })
      if (proven?.cid.toString() !== cid) throw failed(`the proof shows another record than ${cid} at ${uri}`)
      return level
    })
}

async function verifyValue(uri: string, cid: string, value: LexMap): Promise<void> {
  const actual = await verifying(() => encodeRecord(value))
  if (actual.cid.toString() !== cid) throw failed(`the record ${uri} is not what its CID ${cid} names`)
}

function resultOf(
  { uri, cid: expectedCid }: { uri: string; cid?: string },
  outcomes: ReadonlyMap<string, Outcome>,
  { minimumLevel }: HydrateOptions,
): HydratedRecord {
  const outcome = outcomes.get(uri) ?? 'notFound'
  if (typeof outcome === 'string') return { status: outcome, uri }
  const { cid, value } = outcome
  if (expectedCid !== undefined && expectedCid !== cid) {
    requireSome(outcome.level, minimumLevel)
    return { status: 'changed', uri, cid, expectedCid, value, level: outcome.level }
  }
  // The bytes are those that the stub names, and a stub is in its author's own repo.
  const level = outcome.level ?? (expectedCid === undefined ? null : 'cid-integrity')
  requireSome(level, minimumLevel)
  return { status: 'found', uri, cid, value, level }
}

function requireSome(level: VerificationLevel | null, minimum: VerificationLevel | undefined): void {
  if (level !== null) requireLevel(level, minimum)
  else if (minimum !== undefined) {
    throw new StratosClientError(
      'VerificationTooWeak',
      `nothing can be shown without a proof, and not ${minimum}`,
    )
  }
}

function rememberKeys(find: HydrateOptions['findSigningKey']): NonNullable<HydrateOptions['findSigningKey']> {
  const found = new Map<string, Promise<PublicKey | null>>()
  return (did) => {
    const key = found.get(did) ?? (find === undefined ? Promise.resolve(null) : find(did))
    found.set(did, key)
    return key
  }
}

function failed(message: string): StratosClientError {
  return new StratosClientError('VerificationFailed', message)
}
