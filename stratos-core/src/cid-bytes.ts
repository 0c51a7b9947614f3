/** The CIDs of AT Protocol as bytes and as text, in a fraction of the time that a reader of every kind of CID takes. */
import { CBOR_DATA_CODEC, createCid, RAW_DATA_CODEC, SHA256_HASH_CODE, type Cid } from '@atproto/lex-data'

/** Version, codec, hash function and length, each in one byte, and a SHA-256. */
export const CID_BYTES = 36
const PREFIX_BYTES = 4
const DIGEST_BYTES = 32
const VERSION = 1

const DIGITS = new TextEncoder().encode('abcdefghijklmnopqrstuvwxyz234567')
const MULTIBASE = 'b'.charCodeAt(0)
const ASCII = new TextDecoder()

/**
 * Reads a CID of version 1, raw or DAG-CBOR, with SHA-256.
 *
 * @param at where it begins; what is behind it does not matter
 * @returns null for anything else, and for a part of one
 */
export function readCid(bytes: Uint8Array, at = 0): Cid | null {
  const codec = bytes[at + 1]
  const isCid =
    bytes[at] === VERSION &&
    (codec === CBOR_DATA_CODEC || codec === RAW_DATA_CODEC) &&
    bytes[at + 2] === SHA256_HASH_CODE &&
    bytes[at + 3] === DIGEST_BYTES &&
    bytes.length >= at + CID_BYTES
  return isCid ? createCid(codec, SHA256_HASH_CODE, bytes.slice(at + PREFIX_BYTES, at + CID_BYTES)) : null
}

/** The text of every CID is as long, and taken before the next one is written. */
const text = new Uint8Array(1 + Math.ceil((CID_BYTES * 8) / 5))

/** The base32 form, as `cid.toString()` makes it. */
export function formatCid(cid: Cid): string {
  const { bytes } = cid
  if (bytes.length !== CID_BYTES || bytes[0] !== VERSION) return cid.toString()
  text[0] = MULTIBASE
  let at = 1
  let bits = 0
  let rest = 0
  for (let index = 0; index < CID_BYTES; index += 1) {
    rest = ((rest << 8) | (bytes[index] as number)) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text[at++] = DIGITS[(rest >> (bits - 5)) & 31] as number
  }
  if (bits > 0) text[at] = DIGITS[(rest << (5 - bits)) & 31] as number
  return ASCII.decode(text)
}
