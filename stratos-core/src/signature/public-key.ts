import { base58btc } from 'multiformats/bases/base58'

/** A key of one of the two curves of AT Protocol, as a point of 33 bytes. */
export interface PublicKey {
  readonly curve: 'p256' | 'secp256k1'
  readonly point: Uint8Array
}

const PREFIX = 'did:key:'
const MAX_LENGTH = 128
const POINT_BYTES = 33
const CURVES = [
  { curve: 'p256', code: [0x80, 0x24] },
  { curve: 'secp256k1', code: [0xe7, 0x01] },
] as const

/**
 * Reads a `did:key`.
 *
 * @returns null for anything but a compressed key of P-256 or secp256k1. Whether it is a point of its curve is not checked
 * @see https://atproto.com/specs/cryptography#public-key-encoding
 */
export function parsePublicKey(didKey: string): PublicKey | null {
  if (!didKey.startsWith(`${PREFIX}z`) || didKey.length > MAX_LENGTH) return null
  const bytes = decodeBase58(didKey.slice(PREFIX.length))
  if (bytes === null || bytes.length !== 2 + POINT_BYTES) return null
  const known = CURVES.find(({ code }) => code.every((byte, index) => bytes[index] === byte))
  return known === undefined ? null : { curve: known.curve, point: bytes.subarray(2) }
}

function decodeBase58(text: string): Uint8Array | null {
  try {
    return base58btc.decode(text)
  } catch {
    // A character outside of the alphabet.
    return null
  }
}
