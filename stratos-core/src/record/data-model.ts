/**
 * The values that a record may be made of, checked before anything else looks at them. Stricter than the codec, which
 * would silently change some of what it cannot represent (lone surrogates, a `__proto__` member).
 *
 * @see https://atproto.com/specs/data-model
 */
import {
  type Cid,
  type LexMap,
  isCid,
  isDaslCid,
  isLegacyBlobRef,
  isPlainObject,
  isTypedBlobRef,
} from '@atproto/lex-data'
import { StratosError } from '../errors.ts'

/** Deepest nesting of maps and lists; the record itself is the first level. */
export const MAX_RECORD_DEPTH = 64

/**
 * Checks that a value is a record in the data model of AT Protocol: a map of text, safe integers, booleans, null, bytes,
 * CID links, lists and maps.
 *
 * Members whose value is `undefined` count as absent.
 *
 * @throws {StratosError} `InvalidRecord`
 */
export function assertDataModel(record: unknown): asserts record is LexMap {
  if (!isPlainObject(record)) throw invalid('a record must be an object')
  checkMap(record, 1)
}

function checkValue(value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
      return checkText(value)
    case 'number':
      if (!Number.isSafeInteger(value)) throw invalid('numbers must be integers between -(2^53-1) and 2^53-1')
      return
    case 'boolean':
      return
    case 'object':
      return checkObject(value, depth)
    default:
      throw invalid(`a record cannot contain a ${typeof value}`)
  }
}

function checkObject(value: object | null, depth: number): void {
  if (value === null || value instanceof Uint8Array) return
  if (isCid(value)) return checkLink(value)
  if (depth > MAX_RECORD_DEPTH) throw invalid(`records may be nested at most ${MAX_RECORD_DEPTH} levels deep`)
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, depth + 1)
  } else if (isPlainObject(value)) {
    checkMap(value, depth)
  } else {
    throw invalid('a record may contain plain objects only')
  }
}

function checkMap(map: Record<string, unknown>, depth: number): void {
  for (const [key, value] of Object.entries(map)) {
    if (value === undefined) continue
    checkText(key)
    // The first two are how JSON spells links and bytes; the third cannot survive decoding in JavaScript.
    if (key === '$link' || key === '$bytes' || key === '__proto__')
      throw invalid(`${key} cannot be a member here`)
    if (key === '$type' && (typeof value !== 'string' || value === '')) throw invalid('$type must be text')
    checkValue(value, depth + 1)
  }
  checkBlob(map)
}

/** What looks like a blob must be one, or nobody would keep the blob for it. */
function checkBlob(map: Record<string, unknown>): void {
  if (map.$type === 'blob' && !isTypedBlobRef(map, { strict: true })) {
    throw invalid('a blob has a $type, a ref to its raw CID, a mimeType and a size, and nothing else')
  }
  if (isLegacyBlobRef(map, { strict: false }))
    throw invalid('blobs are not written as cid and mimeType any more')
}

function checkText(text: string): void {
  if (!text.isWellFormed()) throw invalid('text must be valid Unicode')
}

function checkLink(link: Cid): void {
  if (!isDaslCid(link)) throw invalid('links must be CIDs of version 1, raw or DAG-CBOR, with SHA-256')
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidRecord', message)
}
