import { StratosError } from 'stratos-core'
import { isJsonObject, parseJsonPart } from './compact-jws.ts'
import { CURVES, importPublicJwk, type PublicKey } from './public-jwk.ts'

/** The algorithms that a proof may use: browsers sign with the first, Node clients of AT Protocol with the second. */
export const PROOF_ALGORITHMS = ['ES256', 'ES256K'] as const

/** Extensions that must be understood, and keys to be fetched from elsewhere. We do neither. */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jku', 'x5u', 'x5c']

/**
 * Reads the header of a DPoP proof: type, algorithm and public key.
 *
 * @param headerText base64url, as in the proof
 * @throws {StratosError} `InvalidDpopProof`
 * @see https://www.rfc-editor.org/rfc/rfc9449#section-4.2
 */
export function readProofKey(headerText: string): PublicKey {
  const header = parseJsonPart(headerText)
  if (header === null) throw invalidProof('the header is not a JSON object')
  if (header.typ !== 'dpop+jwt') throw invalidProof('typ must be "dpop+jwt"')
  const curve = CURVES.get(header.alg)
  if (curve === undefined) throw invalidProof(`alg must be one of ${PROOF_ALGORITHMS.join(', ')}`)
  const refused = REFUSED_PARAMETERS.find((name) => Object.hasOwn(header, name))
  if (refused !== undefined) throw invalidProof(`the header parameter ${refused} is not supported`)
  if (!isJsonObject(header.jwk)) throw invalidProof('jwk must be a public key')
  try {
    return importPublicJwk(header.jwk, curve)
  } catch (err) {
    if (!(err instanceof TypeError)) throw err
    throw invalidProof(err.message, { cause: err })
  }
}

export function invalidProof(why: string, options?: ErrorOptions): StratosError {
  return new StratosError('InvalidDpopProof', `DPoP proof refused: ${why}`, options)
}
