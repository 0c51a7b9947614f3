import { JsonBytes } from './json-bytes.ts'

/** Major types of CBOR (RFC 8949 §3.1), as the highest three bits of a head. */
const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const LIST = 4
const MAP = 5
const TAG = 6
/** What DAG-CBOR has besides: three values without content, as whole bytes. */
const FALSE = 0xf4
const TRUE = 0xf5
const NULL = 0xf6
/** The only tag of DAG-CBOR: a CID, with a zero before its bytes. */
const CID_TAG = 42

/** Deeper than any record that was ever accepted. */
const MAX_DEPTH = 128

/**
 * Turns a stored record into JSON as lexicons want it, with links as `$link` and bytes as `$bytes`, without the detour of
 * making values and text of it: that takes several times as long, and reading is what this service does most.
 *
 * @param bytes DAG-CBOR that was checked when it was written; nothing but its structure is looked at again
 * @returns UTF-8
 * @throws {Error} if it is none
 */
export function formatRecordJson(bytes: Uint8Array): Buffer {
  const formatter = new RecordFormatter(bytes)
  return formatter.formatAll()
}

class RecordFormatter {
  readonly #bytes: Uint8Array
  readonly #json: JsonBytes
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#json = new JsonBytes(bytes.length + (bytes.length >> 2))
  }

  formatAll(): Buffer {
    this.#formatValue(0)
    if (this.#at !== this.#bytes.length) throw damaged()
    return this.#json.written
  }

  #formatValue(depth: number): void {
    if (depth > MAX_DEPTH) throw damaged()
    const head = this.#readByte()
    if (head === FALSE) return this.#json.raw('false')
    if (head === TRUE) return this.#json.raw('true')
    if (head === NULL) return this.#json.raw('null')
    const size = this.#readSize(head & 0x1f)
    switch (head >> 5) {
      case UNSIGNED:
        return this.#json.raw(String(size))
      case NEGATIVE:
        return this.#json.raw(String(-1 - size))
      case BYTES:
        this.#json.raw('{"$bytes":"')
        this.#json.base64(this.#take(size))
        return this.#json.raw('"}')
      case TEXT:
        return this.#formatText(size)
      case LIST:
        return this.#formatList(size, depth)
      case MAP:
        return this.#formatMap(size, depth)
      case TAG:
        return this.#formatLink(size)
      default:
        throw damaged()
    }
  }

  #formatText(size: number): void {
    const start = this.#at
    this.#skip(size)
    this.#json.text(this.#bytes, start, this.#at)
  }

  #formatList(size: number, depth: number): void {
    this.#json.raw('[')
    for (let index = 0; index < size; index++) {
      if (index > 0) this.#json.raw(',')
      this.#formatValue(depth + 1)
    }
    this.#json.raw(']')
  }

  #formatMap(size: number, depth: number): void {
    this.#json.raw('{')
    for (let index = 0; index < size; index++) {
      if (index > 0) this.#json.raw(',')
      this.#formatText(this.#readHead(TEXT))
      this.#json.raw(':')
      this.#formatValue(depth + 1)
    }
    this.#json.raw('}')
  }

  #formatLink(tag: number): void {
    if (tag !== CID_TAG) throw damaged()
    const cid = this.#take(this.#readHead(BYTES))
    if (cid[0] !== 0) throw damaged()
    // "b" says that base32 follows; all CIDs here have that form.
    this.#json.raw('{"$link":"b')
    this.#json.base32(cid.subarray(1))
    this.#json.raw('"}')
  }

  /** @returns the size that goes with it */
  #readHead(type: number): number {
    const head = this.#readByte()
    if (head >> 5 !== type) throw damaged()
    return this.#readSize(head & 0x1f)
  }

  /** The number in a head: a size, a length or an integer, of up to eight bytes. */
  #readSize(low: number): number {
    if (low < 24) return low
    if (low > 27) throw damaged()
    let size = 0
    for (let count = 2 ** (low - 24); count > 0; count--) size = size * 256 + this.#readByte()
    return size
  }

  #readByte(): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw damaged()
    return byte
  }

  #take(size: number): Uint8Array {
    const start = this.#at
    this.#skip(size)
    return this.#bytes.subarray(start, this.#at)
  }

  #skip(size: number): void {
    this.#at += size
    if (this.#at > this.#bytes.length) throw damaged()
  }
}

function damaged(): Error {
  return new Error('a stored record is damaged')
}
