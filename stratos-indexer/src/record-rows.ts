import { hash } from 'node:crypto'
import { encode } from '@atproto/lex-cbor'
import { CBOR_DATA_CODEC, createCid, SHA256_HASH_CODE, type LexValue } from '@atproto/lex-data'
import { lexToJson } from '@atproto/lex-json'
import { boundariesOf, MAX_RECORD_BYTES, POST_COLLECTION } from 'stratos-core'
import type { PostTable } from './tables/schema.ts'

/** A record as it is kept, with what depends on when it was first seen left open. */
export interface RecordRow {
  readonly uri: string
  readonly did: string
  readonly collection: string
  readonly rkey: string
  readonly cid: string
  readonly bytes: Uint8Array
  readonly boundaries: readonly string[]
  /** When it was written, as far as is known. */
  readonly seenAtMs: number
  readonly post: PostColumns | null
}

export type PostColumns = Omit<
  PostTable,
  'uri' | 'service' | 'cid' | 'rkey' | 'creator' | 'indexedAt' | 'sortAt' | 'createdAt'
> & {
  /** null if it cannot be read. */
  readonly createdAt: string | null
}

/** Raised for a record that cannot be kept. */
export class UnusableRecordError extends Error {
  override name = 'UnusableRecordError'
}

/**
 * @param record decoded
 * @param cid what its canonical encoding must have
 * @returns null for a record without usable boundaries, which nobody may see but its owner
 * @throws {UnusableRecordError} if it is not what the CID names
 */
export function buildRecordRow(
  address: { readonly did: string; readonly collection: string; readonly rkey: string },
  record: unknown,
  cid: string,
  seenAtMs: number,
): RecordRow | null {
  const { did, collection, rkey } = address
  const bytes = encodeExactly(record, cid)
  const boundaries = [...new Set(boundariesOf(record))]
  if (boundaries.length === 0) return null
  return {
    uri: `at://${did}/${collection}/${rkey}`,
    did,
    collection,
    rkey,
    cid,
    bytes,
    boundaries,
    seenAtMs,
    post: collection === POST_COLLECTION ? buildPost(record) : null,
  }
}

function encodeExactly(record: unknown, cid: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = encode(record as LexValue)
  } catch (err) {
    throw new UnusableRecordError('it cannot be encoded', { cause: err })
  }
  if (bytes.byteLength > MAX_RECORD_BYTES) throw new UnusableRecordError('it is too large')
  const named = createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, hash('sha256', bytes, 'buffer'))
  if (named.toString() !== cid) throw new UnusableRecordError('it is not what its CID names')
  return bytes
}

function buildPost(record: unknown): PostColumns {
  const reply = member(record, 'reply')
  return {
    text: clean(textMember(record, 'text') ?? ''),
    replyRoot: textMember(member(reply, 'root'), 'uri'),
    replyRootCid: textMember(member(reply, 'root'), 'cid'),
    replyParent: textMember(member(reply, 'parent'), 'uri'),
    replyParentCid: textMember(member(reply, 'parent'), 'cid'),
    embed: json(member(record, 'embed')),
    facets: json(member(record, 'facets')),
    langs: words(member(record, 'langs')),
    labels: json(member(record, 'labels')),
    tags: words(member(record, 'tags')),
    createdAt: utc(textMember(record, 'createdAt')),
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}

function textMember(value: unknown, name: string): string | null {
  const found = member(value, name)
  return typeof found === 'string' ? clean(found) : null
}

/** Postgres takes no NUL in text. The record's bytes keep it. */
function clean(text: string): string {
  return text.replaceAll('\0', '')
}

/** An escaped backslash is one too: what follows it is text, whatever it looks like. */
function json(value: unknown): string | null {
  if (value === undefined) return null
  const text = JSON.stringify(lexToJson(value as LexValue))
  return text.replaceAll(/\\(u0000|.)/g, (escape: string, of: string) => (of === 'u0000' ? '' : escape))
}

function words(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0) return null
  return clean(value.filter((word) => typeof word === 'string').join(','))
}

function utc(text: string | null): string | null {
  const atMs = text === null ? Number.NaN : Date.parse(text)
  const isUsual = atMs >= 0 && atMs < Date.UTC(10_000, 0)
  return isUsual ? new Date(atMs).toISOString() : null
}
