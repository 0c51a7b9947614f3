import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { decodeBase64url } from './compact-jws.ts'

/** An elliptic-curve key that signs. */
export interface PublicKey {
  readonly key: KeyObject
  /** RFC 7638 SHA-256 thumbprint, base64url without padding. */
  readonly jkt: string
}

/** The algorithms we take, and the curve of each. */
export const CURVES: ReadonlyMap<unknown, string> = new Map([
  ['ES256', 'P-256'],
  ['ES256K', 'secp256k1'],
])

const COORDINATE_BYTES = 32
/** What only a private or a symmetric key has (RFC 7518, section 6). */
const SECRET_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']

/**
 * Reads a public key on one curve.
 *
 * @throws {TypeError} saying what is wrong with it
 * @see https://www.rfc-editor.org/rfc/rfc7517
 */
export function importPublicJwk(jwk: Readonly<Record<string, unknown>>, crv: string): PublicKey {
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(jwk, name))) {
    throw new TypeError('jwk has private members; this key must not be used any more')
  }
  const { kty, x, y } = jwk
  if (kty !== 'EC' || jwk.crv !== crv) throw new TypeError(`jwk must be an EC key on ${crv}, as alg says`)
  if (!isCoordinate(x) || !isCoordinate(y)) throw new TypeError('jwk has a malformed coordinate')
  // Members in alphabetical order and nothing else: the text whose hash is the thumbprint.
  const jkt = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
  try {
    return { key: createPublicKey({ key: { crv, kty, x, y }, format: 'jwk' }), jkt }
  } catch (err) {
    throw new TypeError('jwk is not a point on its curve', { cause: err })
  }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && decodeBase64url(value)?.byteLength === COORDINATE_BYTES
}
