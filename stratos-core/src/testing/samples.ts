import { randomBytes } from 'node:crypto'
import { cidForCbor } from '@atproto/lex-data'
import { encode } from '@atproto/lex-cbor'
import type { Boundary } from '../boundary/boundary.ts'
import { type Cid, type Did, type Rkey, type Tid, nextTid, parseDid, parseNsid, parseRkey } from '../ids.ts'
import type { Actors } from '../storage/actors.ts'
import type { RecordEntry } from '../storage/record-store.ts'
import type { RepoHead } from '../storage/repo-store.ts'

/** A DID that no other test has, so that tests can share a database. */
export function newDid(): Did {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  const name = [...randomBytes(24)].map((byte) => digits.charAt(byte % 32)).join('')
  return parseDid(`did:plc:${name}`)
}

/** The n-th of an ascending row of TIDs. */
export function tid(n: number): Tid {
  return nextTid(undefined, 1_700_000_000_000 + n)
}

export const COLLECTION = parseNsid('zone.stratos.feed.post')
export const OTHER_COLLECTION = parseNsid('zone.stratos.test.note')

export function boundary(name: string): Boundary {
  return `did:web:stratos.example/${name}` as Boundary
}

/** A block with its CID, as `[text of the CID, bytes]`. */
export async function block(content: string): Promise<readonly [string, Uint8Array]> {
  const bytes = encode({ content })
  return [String(await cidForCbor(bytes)), bytes]
}

export async function head(name: string, n: number): Promise<RepoHead> {
  const cidOf = (part: string): Promise<Cid> => cidForCbor(encode({ name, n, part }))
  return { cid: await cidOf('commit'), rev: tid(n), data: await cidOf('root') }
}

/** An index entry without boundary, blob or link. */
export function entry(
  key: string,
  cid: string,
  more: Partial<RecordEntry> = {},
): RecordEntry & { readonly rkey: Rkey } {
  const plain = { collection: COLLECTION, rkey: parseRkey(key), cid, rev: tid(1) }
  return { ...plain, boundaries: [], blobs: [], links: [], ...more }
}

/** An actor with a repo whose head is `head('first', 1)`. */
export async function newActor(actors: Actors): Promise<Did> {
  const did = newDid()
  await actors.create(did)
  const first = await head('first', 1)
  await actors.transact(did, ({ repo }) =>
    repo.applyCommit(null, first, { added: new Map(), removed: [], removedRecords: [] }),
  )
  return did
}
