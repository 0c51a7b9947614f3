/**
 * Writes canonical DAG-CBOR piece by piece: what is encoded already becomes part of the whole as it is, and what is written
 * often takes a fraction of the time of a general encoder. Whoever writes a map gives its keys in DAG-CBOR's order: shorter
 * ones first, then by their bytes.
 *
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 */
export class CborWriter {
  #bytes: Uint8Array
  #view: DataView
  #at = 0

  /** @param expectedBytes room for so many saves making more later on */
  constructor(expectedBytes = 512) {
    this.#bytes = new Uint8Array(expectedBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  map(length: number): this {
    return this.#head(MAP, length)
  }

  array(length: number): this {
    return this.#head(LIST, length)
  }

  /** @param value not negative, and safe */
  integer(value: number): this {
    return this.#head(UINT, value)
  }

  null(): this {
    this.#makeRoom(1)
    this.#bytes[this.#at++] = NULL
    return this
  }

  /** @param value well-formed */
  text(value: string): this {
    return value.length <= SHORT && isAscii(value) ? this.#ascii(value) : this.#utf8(UTF8.encode(value))
  }

  /** @param bytes of the CID in its binary form */
  link(bytes: Uint8Array): this {
    this.#head(TAG, LINK_TAG).#head(BYTES, bytes.byteLength + 1)
    this.#makeRoom(1)
    this.#bytes[this.#at++] = IDENTITY_MULTIBASE
    return this.encoded(bytes)
  }

  /** @param bytes one value that is DAG-CBOR already */
  encoded(bytes: Uint8Array): this {
    this.#makeRoom(bytes.byteLength)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.byteLength
    return this
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  #ascii(value: string): this {
    this.#head(TEXT, value.length)
    this.#makeRoom(value.length)
    for (let index = 0; index < value.length; index += 1) this.#bytes[this.#at++] = value.charCodeAt(index)
    return this
  }

  #utf8(bytes: Uint8Array): this {
    return this.#head(TEXT, bytes.byteLength).encoded(bytes)
  }

  /** A kind and a number, in the shortest form. */
  #head(kind: number, value: number): this {
    this.#makeRoom(MAX_HEAD_BYTES)
    if (value < 24) this.#bytes[this.#at++] = kind | value
    else if (value < 0x100) {
      this.#bytes[this.#at++] = kind | 24
      this.#bytes[this.#at++] = value
    } else if (value < 0x1_0000) {
      this.#bytes[this.#at++] = kind | 25
      this.#view.setUint16(this.#at, value)
      this.#at += 2
    } else if (value < 0x1_0000_0000) {
      this.#bytes[this.#at++] = kind | 26
      this.#view.setUint32(this.#at, value)
      this.#at += 4
    } else {
      this.#bytes[this.#at++] = kind | 27
      this.#view.setBigUint64(this.#at, BigInt(value))
      this.#at += 8
    }
    return this
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#bytes.byteLength) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.byteLength, this.#at + count))
    larger.set(this.finish())
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

const UINT = 0x00
const BYTES = 0x40
const TEXT = 0x60
const LIST = 0x80
const MAP = 0xa0
const TAG = 0xc0
const NULL = 0xf6
const MAX_HEAD_BYTES = 9
const LINK_TAG = 42
const IDENTITY_MULTIBASE = 0

/** Longer text is encoded faster in one go. */
const SHORT = 100
const UTF8 = new TextEncoder()

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false
  return true
}
