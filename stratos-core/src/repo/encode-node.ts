import { hash } from 'node:crypto'
import { CBOR_DATA_CODEC, SHA256_HASH_CODE, type Cid, createCid } from '@atproto/lex-data'

const CID_BYTES = 36
/** A link in DAG-CBOR: tag 42, a byte string of 37 bytes, of which the first is zero, and then the CID. */
const LINK_HEAD = Uint8Array.of(0xd8, 0x2a, 0x58, CID_BYTES + 1, 0x00)
const LINK_BYTES = LINK_HEAD.byteLength + CID_BYTES
const NULL = 0xf6
const MAP_OF_2 = 0xa2
const MAP_OF_4 = 0xa4
const TEXT_OF_1 = 0x61
const UINT = 0x00
const BYTES = 0x40
const LIST = 0x80
// Names of members, as characters.
const E = 0x65
const K = 0x6b
const L = 0x6c
const P = 0x70
const T = 0x74
const V = 0x76

/** What `TreeNode` is, as far as its encoding is concerned. */
export interface EncodableNode {
  readonly keys: readonly string[]
  readonly values: readonly Cid[]
  /** One more than there are keys. */
  readonly children: readonly ({ readonly cid: Cid | null } | null)[]
}

/** The CID of a block of DAG-CBOR. */
export function cidOf(bytes: Uint8Array): Cid {
  return createCid(CBOR_DATA_CODEC, SHA256_HASH_CODE, hash('sha256', bytes, 'buffer'))
}

/**
 * Encodes a node of a tree: the bytes that a general encoder makes, in a fraction of the time.
 *
 * @param node with keys of ASCII characters, and children that are encoded already
 */
export function encodeNode({ keys, values, children }: EncodableNode): Uint8Array {
  const out = new NodeBytes(sizeOf(keys))
  out.byte(MAP_OF_2)
  out.name(E)
  out.head(LIST, keys.length)
  let before = ''
  for (const [index, key] of keys.entries()) {
    const shared = sharedPrefix(before, key)
    out.byte(MAP_OF_4)
    out.name(K)
    out.ascii(key, shared)
    out.name(P)
    out.head(UINT, shared)
    out.name(T)
    out.link(children[index + 1]?.cid ?? null)
    out.name(V)
    out.link(values[index] ?? null)
    before = key
  }
  out.name(L)
  out.link(children[0]?.cid ?? null)
  return out.finish()
}

/** At least as many bytes as it will be. */
function sizeOf(keys: readonly string[]): number {
  let size = 16 + LINK_BYTES
  for (const key of keys) size += 2 * LINK_BYTES + key.length + 24
  return size
}

function sharedPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length += 1
  return length
}

/** Bytes of DAG-CBOR in the making. */
class NodeBytes {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value
  }

  /** The name of a member, which is one letter. */
  name(letter: number): void {
    this.byte(TEXT_OF_1)
    this.byte(letter)
  }

  /** A kind and a number, in the shortest form. */
  head(kind: number, count: number): void {
    if (count < 24) return this.byte(kind | count)
    if (count > 0xffff) throw new RangeError('a node of a tree is never so large')
    if (count < 0x100) this.byte(kind | 24)
    else {
      this.byte(kind | 25)
      this.byte(count >> 8)
    }
    this.byte(count & 0xff)
  }

  /** The rest of a key as a byte string. */
  ascii(key: string, start: number): void {
    this.head(BYTES, key.length - start)
    for (let index = start; index < key.length; index += 1) this.byte(key.charCodeAt(index))
  }

  link(cid: Cid | null): void {
    if (cid === null) return this.byte(NULL)
    this.#bytes.set(LINK_HEAD, this.#at)
    this.#bytes.set(cid.bytes, this.#at + LINK_HEAD.byteLength)
    this.#at += LINK_BYTES
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }
}
