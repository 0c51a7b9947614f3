import {
  parseDid,
  StratosError,
  type Did,
  type Nsid,
  type ReplayStore,
  type SigningKeyResolver,
} from 'stratos-core'
import { verifySignature } from 'stratos-core/repo'
import { isSeconds, mediaType, parseCompactJws, parseJsonPart, type CompactJws } from './compact-jws.ts'

/** How far clocks may differ. */
const LEEWAY_SEC = 30
/** Longest life of a token, counted from now. */
const MAX_LIFE_SEC = 5 * 60
const MAX_JTI_BYTES = 256
/** Identifiers are kept a little longer than tokens live, for instances whose clocks differ. */
const REPLAY_MARGIN_MS = 10_000
/** Tokens that a PDS or an OAuth client signs for other purposes. */
const FOREIGN_TYPES = ['at+jwt', 'refresh+jwt', 'dpop+jwt']
/** Extensions that must be understood, and keys that would come from the token instead of the DID document. */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c']

/** What a verified service-auth JWT says. */
export interface ServiceJwt {
  /** Who signed: a user's account, through its PDS, or a service. */
  readonly iss: Did
  readonly aud: string
  readonly lxm: Nsid
  readonly expiresAtMs: number
}

export interface ServiceJwtContext {
  /** Accepted `aud` values: our DID, and our DID with each fragment of ours. Compared exactly. */
  readonly audiences: ReadonlySet<string>
  readonly keys: SigningKeyResolver
  readonly replays: ReplayStore
  readonly nowMs: () => number
}

interface Claims extends ServiceJwt {
  readonly jti: string | null
}

/**
 * Checks service-auth JWTs: that the holder of a DID's `#atproto` key wants this method called on this service, now.
 *
 * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
 */
export class ServiceJwts {
  readonly #context: ServiceJwtContext

  constructor(context: ServiceJwtContext) {
    this.#context = context
  }

  /**
   * @param expected.lxm the method called; an alias route is a method of its own
   * @param expected.once whether the token must carry a `jti` and is used up by this call, as procedures ask. A token
   *   for a query may be used until it expires.
   * @throws {StratosError} `AuthenticationRequired`
   */
  async verify(token: string, expected: { readonly lxm: Nsid; readonly once: boolean }): Promise<ServiceJwt> {
    const jws = parseCompactJws(token)
    if (jws === null) throw refused('it is not a JWS in compact form')
    const alg = readAlgorithm(jws)
    const { jti, ...jwt } = this.#checkClaims(parseJsonPart(jws.payloadText), expected.lxm)
    if (expected.once && jti === null) throw refused(`jti must be 1 to ${MAX_JTI_BYTES} bytes`)

    await this.#verifySignature(jws, alg, jwt.iss)
    // After the signature, or anybody could use up somebody else's identifiers.
    const forgetAtMs = jwt.expiresAtMs + REPLAY_MARGIN_MS
    if (expected.once && !(await this.#context.replays.use(`jwt ${jwt.iss} ${jti}`, forgetAtMs))) {
      throw refused('it was used before')
    }
    return jwt
  }

  #checkClaims(claims: Readonly<Record<string, unknown>> | null, lxm: Nsid): Claims {
    if (claims === null) throw refused('the payload is not a JSON object')
    const { aud, exp, iat, nbf, jti } = claims
    if (typeof aud !== 'string' || !this.#context.audiences.has(aud)) throw refused('aud is not this service')
    if (claims.lxm !== lxm) throw refused(`lxm must be ${lxm}`)

    const nowSec = this.#context.nowMs() / 1000
    if (!isSeconds(exp)) throw refused('exp must be whole seconds')
    if (exp <= nowSec - LEEWAY_SEC) throw refused('it has expired')
    if (exp > nowSec + MAX_LIFE_SEC + LEEWAY_SEC) throw refused(`exp is more than ${MAX_LIFE_SEC} s ahead`)
    for (const since of [iat, nbf]) {
      if (since === undefined) continue
      if (!isSeconds(since)) throw refused('iat and nbf must be whole seconds')
      if (since > nowSec + LEEWAY_SEC) throw refused('it is from the future')
    }
    const isUsableJti = typeof jti === 'string' && jti !== '' && Buffer.byteLength(jti) <= MAX_JTI_BYTES
    const expiresAtMs = (exp + LEEWAY_SEC) * 1000
    return { iss: readIssuer(claims.iss), aud, lxm, expiresAtMs, jti: isUsableJti ? jti : null }
  }

  async #verifySignature(jws: CompactJws, alg: string, iss: Did): Promise<void> {
    const { keys } = this.#context
    const key = await keys.resolveSigningKey(iss)
    if (isSignedBy(key, alg, jws)) return
    // The account may have changed its key since the document was cached.
    const newKey = await keys.resolveSigningKey(iss, { refresh: true })
    if (newKey === key || !isSignedBy(newKey, alg, jws))
      throw refused("the signature does not match the issuer's key")
  }
}

function readAlgorithm(jws: CompactJws): string {
  const header = parseJsonPart(jws.headerText)
  if (header === null) throw refused('the header is not a JSON object')
  const { typ, alg } = header
  if (typ !== undefined && (typeof typ !== 'string' || FOREIGN_TYPES.includes(mediaType(typ)))) {
    throw refused('typ says that the token serves another purpose')
  }
  const parameter = REFUSED_PARAMETERS.find((name) => Object.hasOwn(header, name))
  if (parameter !== undefined) throw refused(`the header parameter ${parameter} is not supported`)
  if (alg !== 'ES256' && alg !== 'ES256K') throw refused('alg must be ES256 or ES256K')
  return alg
}

function readIssuer(iss: unknown): Did {
  if (typeof iss !== 'string') throw refused('iss must be a DID')
  try {
    return parseDid(iss)
  } catch (err) {
    throw refused('iss must be a DID without a fragment', { cause: err })
  }
}

function isSignedBy(didKey: string, alg: string, jws: CompactJws): boolean {
  return algorithmOf(didKey) === alg && verifySignature(didKey, jws.signingInput, jws.signature)
}

/** The multicodec of a compressed key shows in the first letters of its base58 text. */
function algorithmOf(didKey: string): string | null {
  if (didKey.startsWith('did:key:zDn')) return 'ES256'
  if (didKey.startsWith('did:key:zQ3s')) return 'ES256K'
  return null
}

function refused(why: string, options?: ErrorOptions): StratosError {
  return new StratosError('AuthenticationRequired', `service token refused: ${why}`, options)
}
