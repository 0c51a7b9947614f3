/**
 * Checking signatures wherever Web Crypto is: browsers, Node, Deno. P-256 is the platform's own; secp256k1, which Web
 * Crypto does not know, comes from a library of a few kilobytes.
 *
 * @see https://atproto.com/specs/cryptography
 */
import { verify as verifySecp256k1 } from '@noble/secp256k1'
import { numberOf, uncompressP256 } from './p256-point.ts'
import { parsePublicKey } from './public-key.ts'

const SIGNATURE_BYTES = 64
const P256_HALF_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n / 2n

/**
 * Checks an ECDSA signature over the SHA-256 of `bytes`.
 *
 * Only the one form that AT Protocol allows is accepted: 64 bytes, `r` and `s`, low-S. Never throws: a key that cannot be
 * used verifies nothing.
 *
 * @param key `did:key` of P-256 or secp256k1
 */
export async function verifySignature(
  key: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const publicKey = parsePublicKey(key)
  if (publicKey === null || signature.byteLength !== SIGNATURE_BYTES) return false
  return publicKey.curve === 'p256'
    ? isP256Signature(publicKey.point, bytes, signature)
    : isSecp256k1Signature(publicKey.point, bytes, signature)
}

async function isP256Signature(
  compressed: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const point = uncompressP256(compressed)
  if (point === null || numberOf(signature.subarray(SIGNATURE_BYTES / 2)) > P256_HALF_ORDER) return false
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', point, algorithm, false, ['verify'])
  return crypto.subtle.verify(algorithm, key, Uint8Array.from(signature), Uint8Array.from(bytes))
}

async function isSecp256k1Signature(
  point: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
  try {
    return verifySecp256k1(signature, hash, point, { prehash: false, lowS: true })
  } catch {
    // Not a point of the curve, or numbers outside its order.
    return false
  }
}
