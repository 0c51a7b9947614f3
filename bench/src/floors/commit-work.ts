import { generateKeyPairSync, hash, randomBytes, sign, verify, type KeyObject } from 'node:crypto'
import { encode } from '@atproto/lex-cbor'
import { median } from '../statistics.ts'
import type { FloorSample } from './floor.ts'

export const BOUNDARY = 'did:web:stratos.example/general'
/** Sizes as they are in a repo of some thousand records. */
const PROOF_BYTES = 480
const COMMIT_BYTES = 230
const NODE_BYTES = [900, 400, 250]
const EVENT_BYTES = 190
const MIN_OPERATIONS = 20

/** What one commit writes, drawn outside of the time that is measured. */
export interface Commit {
  readonly number: number
  readonly rev: string
  /** Of the MST nodes. */
  readonly cids: readonly string[]
  readonly nodes: readonly Buffer[]
  readonly unsigned: Buffer
  readonly event: Buffer
}

/** What a commit takes before it is stored. */
export interface SignedCommit {
  readonly cid: string
  readonly bytes: Buffer
  readonly recordCid: string
  readonly record: Uint8Array
  /** Payload of the stub's job. */
  readonly job: string
}

/**
 * The computing in the floor of a write, the same for every database: one native ES256 verification with a key that is at
 * hand, one P-256 signature, one post as DAG-CBOR and its SHA-256.
 */
export class CommitWork {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #proof = randomBytes(PROOF_BYTES)
  readonly #proofSignature = sign('sha256', this.#proof, asEs256(this.#keys.privateKey))
  #drawn = 0

  /** Repeats `write` for about so long, one after another. */
  async sample(seconds: number, write: (commit: Commit) => void | Promise<void>): Promise<FloorSample> {
    const timesMs: number[] = []
    const endsAt = performance.now() + seconds * 1000
    while (timesMs.length < MIN_OPERATIONS || performance.now() < endsAt) {
      const commit = drawCommit((this.#drawn += 1))
      const startedAt = performance.now()
      // No turn of the event loop where the database needs none.
      const writing = write(commit)
      if (writing !== undefined) await writing
      timesMs.push(performance.now() - startedAt)
    }
    const p50Ms = median(timesMs)
    return { p50Ms, timeMs: p50Ms }
  }

  sign(commit: Commit): SignedCommit {
    const { publicKey, privateKey } = this.#keys
    if (!verify('sha256', this.#proof, asEs256(publicKey), this.#proofSignature)) {
      throw new Error('a signature of the write floor does not verify')
    }
    const record = encode({
      $type: 'zone.stratos.feed.post',
      text: `Post number ${commit.number}, which says in about as many words as people use what there is to say.`,
      boundary: { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: BOUNDARY }] },
      createdAt: '2026-01-15T12:00:00.000Z',
    })
    const recordCid = hash('sha256', record)
    return {
      cid: `commit-${commit.number}-${commit.cids[0]}`,
      bytes: Buffer.concat([commit.unsigned, sign('sha256', commit.unsigned, asEs256(privateKey))]),
      recordCid,
      record,
      job: JSON.stringify({ action: 'put', cid: recordCid, createdAt: '2026-01-15T12:00:00.000Z' }),
    }
  }
}

function asEs256(key: KeyObject) {
  return { key, dsaEncoding: 'ieee-p1363' } as const
}

function drawCommit(number: number): Commit {
  return {
    number,
    rev: `3k${String(number).padStart(11, '0')}`,
    cids: NODE_BYTES.map(() => randomBytes(30).toString('hex')),
    nodes: NODE_BYTES.map((size) => randomBytes(size)),
    unsigned: randomBytes(COMMIT_BYTES),
    event: randomBytes(EVENT_BYTES),
  }
}
