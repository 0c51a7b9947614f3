import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { StratosError } from 'stratos-core'
import { decodeBase64url, isJsonObject, parseJsonPart } from './compact-jws.ts'

/** The algorithms that a proof may use: browsers sign with the first, Node clients of AT Protocol with the second. */
export const PROOF_ALGORITHMS = ['ES256', 'ES256K'] as const

/** The key that a proof carries in its header. */
export interface ProofKey {
  readonly key: KeyObject
  /** RFC 7638 SHA-256 thumbprint, base64url without padding. */
  readonly jkt: string
}

const CURVES: ReadonlyMap<unknown, string> = new Map([
  ['ES256', 'P-256'],
  ['ES256K', 'secp256k1'],
])
const COORDINATE_BYTES = 32
/** What only a private or a symmetric key has (RFC 7518, section 6). */
const SECRET_MEMBERS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth']
/** Extensions that must be understood, and keys to be fetched from elsewhere. We do neither. */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jku', 'x5u', 'x5c']

/**
 * Reads the header of a DPoP proof: type, algorithm and public key.
 *
 * @param headerText base64url, as in the proof
 * @throws {StratosError} `InvalidDpopProof`
 * @see https://www.rfc-editor.org/rfc/rfc9449#section-4.2
 */
export function readProofKey(headerText: string): ProofKey {
  const header = parseJsonPart(headerText)
  if (header === null) throw invalidProof('the header is not a JSON object')
  if (header.typ !== 'dpop+jwt') throw invalidProof('typ must be "dpop+jwt"')
  const curve = CURVES.get(header.alg)
  if (curve === undefined) throw invalidProof(`alg must be one of ${PROOF_ALGORITHMS.join(', ')}`)
  const refused = REFUSED_PARAMETERS.find((name) => Object.hasOwn(header, name))
  if (refused !== undefined) throw invalidProof(`the header parameter ${refused} is not supported`)
  if (!isJsonObject(header.jwk)) throw invalidProof('jwk must be a public key')
  return importJwk(header.jwk, curve)
}

function importJwk(jwk: Readonly<Record<string, unknown>>, crv: string): ProofKey {
  if (SECRET_MEMBERS.some((name) => Object.hasOwn(jwk, name))) {
    throw invalidProof('jwk has private members; this key must not be used any more')
  }
  const { kty, x, y } = jwk
  if (kty !== 'EC' || jwk.crv !== crv) throw invalidProof(`jwk must be an EC key on ${crv}, as alg says`)
  if (!isCoordinate(x) || !isCoordinate(y)) throw invalidProof('jwk has a malformed coordinate')
  try {
    // Members in alphabetical order and nothing else: the text whose hash is the thumbprint.
    const jkt = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
    return { key: createPublicKey({ key: { crv, kty, x, y }, format: 'jwk' }), jkt }
  } catch (err) {
    throw invalidProof('jwk is not a point on its curve', { cause: err })
  }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && decodeBase64url(value)?.byteLength === COORDINATE_BYTES
}

export function invalidProof(why: string, options?: ErrorOptions): StratosError {
  return new StratosError('InvalidDpopProof', `DPoP proof refused: ${why}`, options)
}
