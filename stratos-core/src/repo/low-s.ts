import type { Curve } from './curves.ts'

/** Length of `r` and of `s` in a compact signature. */
export const SCALAR_BYTES = 32

/** A compact signature: `r` and `s`, nothing else. */
export const SIGNATURE_BYTES = 2 * SCALAR_BYTES

/**
 * Of the two signatures that ECDSA accepts for the same message, `(r, s)` and `(r, order - s)`, AT Protocol allows the one
 * with the lower `s`, so that a signed block has exactly one CID.
 *
 * @see https://atproto.com/specs/cryptography
 */
export function isLowS(signature: Uint8Array, curve: Curve): boolean {
  return readS(signature) <= curve.order / 2n
}

/** @param signature 64 bytes, `r` and `s`; not changed */
export function toLowS(signature: Uint8Array, curve: Curve): Uint8Array {
  const low = Uint8Array.from(signature)
  // Half of either order begins with these bits: most signatures need no closer look.
  if ((signature[SCALAR_BYTES] ?? 0) < 0x7f) return low
  const s = readS(signature)
  if (s > curve.order / 2n) {
    const hex = (curve.order - s).toString(16).padStart(2 * SCALAR_BYTES, '0')
    low.set(Buffer.from(hex, 'hex'), SCALAR_BYTES)
  }
  return low
}

function readS(signature: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(signature.subarray(SCALAR_BYTES)).toString('hex')}`)
}
