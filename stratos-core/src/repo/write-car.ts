/**
 * CAR files, version 1: a header with the roots, then blocks, each with its length and its CID before it.
 *
 * @see https://ipld.io/specs/transport/car/carv1/
 */
import { encode } from '@atproto/lex-cbor'
import type { Cid } from '@atproto/lex-data'

export interface CarBlock {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

/** What is written at once; blocks are small, and each write costs more than its bytes. */
const CHUNK_BYTES = 64 * 1024
/** Of the length before a block. */
const MAX_VARINT_BYTES = 8

/** A whole CAR file, for a few blocks. */
export function encodeCar(roots: readonly Cid[], blocks: Iterable<CarBlock>): Buffer {
  const parts: Uint8Array[] = [...headerParts(roots)]
  for (const block of blocks) parts.push(...blockParts(block))
  return Buffer.concat(parts)
}

/**
 * Writes a CAR file in chunks, as it is read. What has been read is held no longer than until its chunk is taken.
 *
 * @param blocks in the order in which they shall appear, any number at a time
 */
export async function* writeCar(
  roots: readonly Cid[],
  blocks: AsyncIterable<readonly CarBlock[]>,
): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [...headerParts(roots)]
  let length = 0
  for await (const some of blocks) {
    for (const block of some) {
      for (const part of blockParts(block)) {
        parts.push(part)
        length += part.length
      }
      if (length < CHUNK_BYTES) continue
      yield Buffer.concat(parts)
      parts = []
      length = 0
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts)
}

function headerParts(roots: readonly Cid[]): Uint8Array[] {
  const header = encode({ roots: [...roots], version: 1 })
  return [encodeVarint(header.length), header]
}

/** Most blocks are small, and many of one length. */
const SHORT = 4096
const shortLengths: Uint8Array[] = []

function blockParts({ cid, bytes }: CarBlock): Uint8Array[] {
  const name = cid.bytes
  const length = name.length + bytes.length
  const prefix = length < SHORT ? (shortLengths[length] ??= encodeVarint(length)) : encodeVarint(length)
  return [prefix, name, bytes]
}

/** Unsigned LEB128. */
function encodeVarint(value: number): Uint8Array {
  const bytes = new Uint8Array(MAX_VARINT_BYTES)
  let at = 0
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes[at++] = (value % 0x80) | 0x80
  bytes[at++] = value
  return bytes.subarray(0, at)
}
