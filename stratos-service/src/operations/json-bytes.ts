import { encodeBase32 } from './base32.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const FIRST_PRINTABLE = 0x20

/** JSON as bytes, which grow with what is written. */
export class JsonBytes {
  #bytes: Buffer
  #length = 0

  /** @param expected about how many bytes there will be */
  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(64, expected))
  }

  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** @param text ASCII */
  raw(text: string): void {
    this.#reserve(text.length)
    for (let index = 0; index < text.length; index++) this.#bytes[this.#length++] = text.charCodeAt(index)
  }

  /** Writes UTF-8 as a JSON string. */
  text(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start + 2)
    const before = this.#length
    const bytes = this.#bytes
    let at = before
    bytes[at++] = QUOTE
    for (let index = start; index < end; index++) {
      const byte = source[index] ?? 0
      if (byte < FIRST_PRINTABLE || byte === QUOTE || byte === BACKSLASH)
        return this.#escaped(source, start, end)
      bytes[at++] = byte
    }
    bytes[at++] = QUOTE
    this.#length = at
  }

  /** Without padding, as lexicon JSON has it. */
  base64(source: Uint8Array): void {
    this.raw(
      Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('base64').replace(/=+$/, ''),
    )
  }

  /** In lower case, without padding. */
  base32(source: Uint8Array): void {
    this.raw(encodeBase32(source))
  }

  #escaped(source: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('utf8')
    const encoded = Buffer.from(JSON.stringify(text))
    this.#reserve(encoded.length)
    this.#length += encoded.copy(this.#bytes, this.#length)
  }

  #reserve(more: number): void {
    const wanted = this.#length + more
    if (wanted <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
