/**
 * Writes canonical DAG-CBOR piece by piece, so that a record that is encoded already becomes part of a frame as it is.
 * Whoever writes a map gives its keys in DAG-CBOR's order: shorter ones first, then by their bytes.
 *
 * @see https://ipld.io/specs/codecs/dag-cbor/spec/
 */
export class CborWriter {
  readonly #parts: Uint8Array[] = []

  map(length: number): this {
    return this.#head(5, length)
  }

  array(length: number): this {
    return this.#head(4, length)
  }

  /** @param value not negative, and safe */
  integer(value: number): this {
    return this.#head(0, value)
  }

  text(value: string): this {
    const bytes = Buffer.from(value, 'utf8')
    this.#head(3, bytes.byteLength)
    this.#parts.push(bytes)
    return this
  }

  /** @param bytes of the CID in its binary form */
  link(bytes: Uint8Array): this {
    this.#parts.push(LINK_TAG)
    this.#head(2, bytes.byteLength + 1)
    this.#parts.push(IDENTITY_MULTIBASE, bytes)
    return this
  }

  /** @param bytes one value that is DAG-CBOR already */
  encoded(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #head(major: number, value: number): this {
    this.#parts.push(encodeHead(major << 5, value))
    return this
  }
}

const LINK_TAG = Uint8Array.of(0xd8, 42)
const IDENTITY_MULTIBASE = Uint8Array.of(0)

function encodeHead(major: number, value: number): Uint8Array {
  if (value < 24) return Uint8Array.of(major | value)
  if (value < 0x100) return Uint8Array.of(major | 24, value)
  const head = Buffer.allocUnsafe(9)
  if (value < 0x1_0000) {
    head[0] = major | 25
    return head.subarray(0, head.writeUInt16BE(value, 1))
  }
  if (value < 0x1_0000_0000) {
    head[0] = major | 26
    return head.subarray(0, head.writeUInt32BE(value, 1))
  }
  head[0] = major | 27
  return head.subarray(0, head.writeBigUInt64BE(BigInt(value), 1))
}
