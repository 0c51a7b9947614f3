import { type KeyObject, createPublicKey } from 'node:crypto'
import { parseDidKey } from '@atproto/crypto'
import { CURVES, type Curve } from './curves.ts'
import { verifyEcdsa } from './ecdsa.ts'
import { SIGNATURE_BYTES, isLowS } from './low-s.ts'
import { RecentlyUsed } from './recently-used.ts'

/** Importing a key costs more than half of what verifying costs, and most requests come from few people. */
const MAX_CACHED_KEYS = 4096

const importedKeys = new RecentlyUsed<string, KeyObject>(MAX_CACHED_KEYS)

/**
 * Checks an ECDSA signature of P-256 or secp256k1 over the SHA-256 of `bytes` with the platform's own cryptography.
 *
 * Only the one form that AT Protocol allows is accepted: 64 bytes, `r` and `s`, low-S. Never throws: a key that cannot be
 * used verifies nothing.
 *
 * @param key a `did:key`, or a public key that the caller has imported
 */
export function verifySignature(key: string | KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = typeof key === 'string' ? findImportedKey(key) : key
  const curve = publicKey === null ? undefined : curveOf(publicKey)
  if (publicKey === null || curve === undefined) return false
  if (signature.byteLength !== SIGNATURE_BYTES || !isLowS(signature, curve)) return false
  return verifyEcdsa(publicKey, bytes, signature)
}

function curveOf(key: KeyObject): Curve | undefined {
  const name = key.type === 'public' ? key.asymmetricKeyDetails?.namedCurve : undefined
  return CURVES.find((curve) => curve.opensslName === name)
}

function findImportedKey(didKey: string): KeyObject | null {
  const known = importedKeys.find(didKey)
  if (known !== null) return known
  const imported = importKey(didKey)
  if (imported !== null) importedKeys.put(didKey, imported)
  return imported
}

function importKey(didKey: string): KeyObject | null {
  try {
    const { jwtAlg, keyBytes } = parseDidKey(didKey)
    const crv = CURVES.find((curve) => curve.jwtAlg === jwtAlg)?.jwkName
    const [x, y] = [keyBytes.subarray(1, 33), keyBytes.subarray(33)].map((part) =>
      Buffer.from(part).toString('base64url'),
    )
    return createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' })
  } catch {
    // Not a did:key, or not of a supported kind, or not a point of its curve: all the same to the caller.
    return null
  }
}
