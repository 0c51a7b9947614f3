/**
 * Taking CAR files (version 1) apart, chunk by chunk, without believing a length before it is within bounds.
 *
 * @see https://ipld.io/specs/transport/car/carv1/
 */
import { decode } from '@atproto/lex-cbor'
import { type Cid, isCid } from '@atproto/lex-data'
import { CID_BYTES, readCid } from '../cid-bytes.ts'
import { StratosError } from '../errors.ts'
import { listMemberOf, memberOf } from '../untyped.ts'

/** A block as the file has it. That the CID names the bytes is for the reader to check. */
export interface CarFrame {
  readonly cid: Cid
  /** A view into the input: to be copied if it is kept. */
  readonly bytes: Uint8Array
}

export interface CarLimits {
  /** Of the whole file. */
  readonly maxBytes: number
  /** Of one block, its CID included. */
  readonly maxBlockBytes: number
  readonly maxBlocks: number
  /** 1 unless said otherwise. */
  readonly maxRoots?: number
}

/** A CAR file whose header was read. */
export interface OpenCar {
  readonly roots: readonly Cid[]
  /** The blocks in the order of the file, a list for each chunk of input. To be read to its end once. */
  readonly frames: AsyncIterable<CarFrame[]>
}

const MAX_HEADER_BYTES = 8 * 1024
const MAX_VARINT_BYTES = 8

/**
 * Reads the header of a CAR file.
 *
 * @throws {StratosError} `InvalidCar`, also while the frames are read, for anything but a complete file with roots and
 *   blocks named by SHA-256, within the limits
 */
export async function openCar(chunks: AsyncIterable<Uint8Array>, limits: CarLimits): Promise<OpenCar> {
  const input = new Sections(chunks, limits)
  const [header] = await input.next(MAX_HEADER_BYTES, 1)
  if (header === undefined) throw invalidCar('the file is empty')
  return { roots: parseHeader(header, limits.maxRoots ?? 1), frames: frames(input, limits) }
}

async function* frames(input: Sections, limits: CarLimits): AsyncGenerator<CarFrame[]> {
  let blocks = 0
  for (;;) {
    const sections = await input.next(limits.maxBlockBytes)
    if (sections.length === 0) return
    blocks += sections.length
    if (blocks > limits.maxBlocks) throw invalidCar(`there may be at most ${limits.maxBlocks} blocks`)
    yield sections.map(parseFrame)
  }
}

function parseHeader(bytes: Uint8Array, maxRoots: number): Cid[] {
  let header: unknown
  try {
    header = decode(bytes)
  } catch (err) {
    throw invalidCar('the header is not DAG-CBOR', err)
  }
  const roots = listMemberOf(header, 'roots').filter((root) => isCid(root, { flavor: 'cbor' }))
  const complete = roots.length > 0 && roots.length === listMemberOf(header, 'roots').length
  if (memberOf(header, 'version') !== 1 || !complete || roots.length > maxRoots) {
    throw invalidCar(`the header must have version 1 and up to ${maxRoots} roots`)
  }
  return roots
}

function parseFrame(section: Uint8Array): CarFrame {
  const cid = readCid(section)
  if (cid === null) throw invalidCar('a block has no CID of AT Protocol')
  return { cid, bytes: section.subarray(CID_BYTES) }
}

/** Cuts input into its length-prefixed sections. */
class Sections {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #maxBytes: number
  #rest: Uint8Array = new Uint8Array()
  /** How many bytes of the rest and what follows it make the next section complete, as far as we know. */
  #wanted = 1
  #read = 0

  constructor(chunks: AsyncIterable<Uint8Array>, { maxBytes }: CarLimits) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#maxBytes = maxBytes
  }

  /** @returns the next sections that are complete, at least one; none at the end of the input */
  async next(maxSectionBytes: number, maxSections = Infinity): Promise<Uint8Array[]> {
    for (;;) {
      const sections = this.#cut(maxSectionBytes, maxSections)
      if (sections.length > 0) return sections
      if (await this.#fill()) continue
      if (this.#rest.length > 0) throw invalidCar('the file ends in the middle of a block')
      return []
    }
  }

  #cut(maxSectionBytes: number, maxSections: number): Uint8Array[] {
    const sections: Uint8Array[] = []
    let at = 0
    while (sections.length < maxSections) {
      const prefix = readVarint(this.#rest, at)
      this.#wanted = this.#rest.length - at + 1
      if (prefix === null) break
      if (prefix.value === 0 || prefix.value > maxSectionBytes) {
        throw invalidCar(`a block may have at most ${maxSectionBytes} bytes, and not none`)
      }
      const end = prefix.end + prefix.value
      this.#wanted = end - at
      if (end > this.#rest.length) break
      sections.push(this.#rest.subarray(prefix.end, end))
      at = end
    }
    this.#rest = this.#rest.subarray(at)
    return sections
  }

  /**
   * Reads until the next section can be complete, and joins what it read once: tiny chunks must not cost a copy each.
   *
   * @returns whether anything was read
   */
  async #fill(): Promise<boolean> {
    const parts = [this.#rest]
    let length = this.#rest.length
    while (length < this.#wanted) {
      const { value, done } = await this.#chunks.next()
      if (done === true) break
      this.#read += value.length
      if (this.#read > this.#maxBytes) throw invalidCar(`the file may have at most ${this.#maxBytes} bytes`)
      parts.push(value)
      length += value.length
    }
    if (length === this.#rest.length) return false
    this.#rest =
      parts.length === 2 && this.#rest.length === 0 ? (parts[1] as Uint8Array) : joined(parts, length)
    return true
  }
}

/** @returns null if the number is not there to its end yet */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0
  for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
    const byte = bytes[start + index]
    if (byte === undefined) return null
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, end: start + index + 1 }
  }
  throw invalidCar('a length is not a number')
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function invalidCar(message: string, cause?: unknown): StratosError {
  return new StratosError('InvalidCar', `not a usable CAR file: ${message}`, { cause })
}
