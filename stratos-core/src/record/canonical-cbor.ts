/**
 * Reading DAG-CBOR strictly: what is accepted is what an encoder makes of the value, byte for byte, so that nobody has to
 * encode it again to find out. Accepts the data model of AT Protocol only.
 *
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 * @see https://atproto.com/specs/data-model
 */
import type { Cid, LexValue } from '@atproto/lex-data'
import { CID_BYTES, readCid } from '../cid-bytes.ts'

/** More than any value has that is accepted in the end; far less than a stack has room for. */
const MAX_DEPTH = 128

const UINT = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const LIST = 4
const MAP = 5
const TAG = 6
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6
const LINK_TAG = 42

const TWO_TO_32 = 2 ** 32
const MAX_INTEGER = Number.MAX_SAFE_INTEGER
// A byte order mark is part of the text that begins with it.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Decodes one value.
 *
 * @returns maps as plain objects, without a `__proto__`; byte strings and links as copies
 * @throws {Error} for anything but the canonical encoding of one value of text, safe integers, booleans, null, bytes, links
 *   (version 1, raw or DAG-CBOR, SHA-256), lists and maps, nested at most 128 deep
 */
export function decodeCanonical(bytes: Uint8Array): LexValue {
  const reader = new Reader(bytes)
  const value = reader.value(0)
  reader.end()
  return value
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('something follows the value')
  }

  value(depth: number): LexValue {
    const head = this.#byte()
    if (head >= FALSE) return simple(head)
    const argument = this.#argument(head & 31)
    switch (head >> 5) {
      case UINT:
        return argument
      case NEGATIVE:
        return negative(argument)
      case BYTES:
        return this.#bytes.slice(this.#skip(argument), this.#at)
      case TEXT:
        return this.#text(argument)
      case LIST:
        return this.#list(argument, depth)
      case MAP:
        return this.#map(argument, depth)
      case TAG:
        return this.#link(argument)
      default:
        throw malformed('there are no floating-point numbers')
    }
  }

  #list(length: number, depth: number): LexValue[] {
    this.#assertRoom(length, depth)
    const list: LexValue[] = []
    for (let index = 0; index < length; index += 1) list.push(this.value(depth + 1))
    return list
  }

  #map(size: number, depth: number): Record<string, LexValue> {
    this.#assertRoom(2 * size, depth)
    const map: Record<string, LexValue> = {}
    let before = { start: 0, end: 0 }
    for (let index = 0; index < size; index += 1) {
      const start = this.#at
      const head = this.#byte()
      if (head >> 5 !== TEXT) throw malformed('a key is not text')
      const key = this.#text(this.#argument(head & 31))
      if (index > 0 && !this.#ascends(before, start)) throw malformed('the keys of a map are not in order')
      if (key === '__proto__') throw malformed('a key is __proto__')
      before = { start, end: this.#at }
      map[key] = this.value(depth + 1)
    }
    return map
  }

  #link(tag: number): Cid {
    const head = this.#byte()
    if (tag !== LINK_TAG || head >> 5 !== BYTES || this.#argument(head & 31) !== CID_BYTES + 1)
      throw malformed('a tag is not that of a link')
    const start = this.#skip(CID_BYTES + 1)
    const cid = this.#bytes[start] === 0 ? readCid(this.#bytes, start + 1) : null
    if (cid === null) throw malformed('a link is not a CID of AT Protocol')
    return cid
  }

  #text(length: number): string {
    return UTF8.decode(this.#bytes.subarray(this.#skip(length), this.#at))
  }

  /**
   * Whether a key comes before the one that was read last: shorter ones first, then by their bytes. Heads are part of the
   * comparison; that of a longer text is greater.
   */
  #ascends({ start, end }: { readonly start: number; readonly end: number }, next: number): boolean {
    for (let index = 0; start + index < end; index += 1) {
      const difference = (this.#bytes[next + index] ?? 0) - (this.#bytes[start + index] ?? 0)
      if (difference !== 0) return difference > 0
    }
    return false
  }

  /** What is nested in a value takes at least a byte each. */
  #assertRoom(count: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw malformed('it is nested too deep')
    if (count > this.#bytes.length - this.#at) throw malformed('it ends too soon')
  }

  /** @returns where what was skipped begins */
  #skip(length: number): number {
    const start = this.#at
    if (length > this.#bytes.length - start) throw malformed('it ends too soon')
    this.#at = start + length
    return start
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw malformed('it ends too soon')
    this.#at += 1
    return byte
  }

  /** The number in the shortest form that it has. */
  #argument(first: number): number {
    if (first < 24) return first
    if (first > 27) throw malformed('a length is not a number')
    const size = 1 << (first - 24)
    let number = 0
    for (let index = 0; index < size; index += 1) number = number * 0x100 + this.#byte()
    const least = size === 1 ? 24 : size === 8 ? TWO_TO_32 : 1 << (4 * size)
    if (number < least) throw malformed('a number is not in its shortest form')
    if (number > MAX_INTEGER) throw malformed('a number is too large')
    return number
  }
}

function simple(head: number): boolean | null {
  if (head === FALSE) return false
  if (head === TRUE) return true
  if (head === NULL) return null
  throw malformed('a value is none of the data model')
}

function negative(argument: number): number {
  if (argument >= MAX_INTEGER) throw malformed('a number is too large')
  return -1 - argument
}

function malformed(message: string): Error {
  return new Error(`not canonical DAG-CBOR: ${message}`)
}
