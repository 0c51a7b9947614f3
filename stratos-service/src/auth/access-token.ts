import { verify } from 'node:crypto'
import { isValidDid } from '@atproto/syntax'
import { StratosError, type Did } from 'stratos-core'
import {
  isJsonObject,
  isSeconds,
  mediaType,
  parseCompactJws,
  parseJsonPart,
  type CompactJws,
} from './compact-jws.ts'
import { CURVES, importPublicJwk } from './public-jwk.ts'
import { readTokenScope, type TokenGrant } from './token-scope.ts'

const LEEWAY_SEC = 30
const MAX_LIFE_SEC = 24 * 60 * 60
const MAX_AUDIENCES = 10
/** Keys and extensions named by the token itself; keys come from its authorization server alone. */
const REFUSED_PARAMETERS = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c']

/** Where an account's access tokens come from, and the keys that sign them. */
export interface TokenIssuers {
  /**
   * The PDS in the account's DID document, and the authorization server which that PDS names.
   *
   * @returns null if either cannot be found out
   */
  findFor(did: Did): Promise<{ readonly pds: string; readonly issuer: string } | null>
  /**
   * The keys that an authorization server publishes, as JWKs.
   *
   * @param options.refresh the known keys did not do; bounded to once a minute per issuer
   */
  findKeys(issuer: string, options?: { readonly refresh?: boolean }): Promise<readonly unknown[]>
}

export interface AccessTokenSettings {
  /** `aud` values that mean us: our DID, alone and with our fragments, and our origin. */
  readonly audiences: ReadonlySet<string>
  /** Whether a token for the user's own PDS counts too. That lets any of the user's applications in. */
  readonly acceptPdsAudience: boolean
  readonly issuers: TokenIssuers
  readonly nowMs: () => number
}

export interface VerifiedToken {
  readonly did: Did
  readonly grant: TokenGrant
}

/** A token that claims to be for us, and is not what it claims. Unlike a foreign one, it counts as a bad credential. */
export class RefusedTokenError extends StratosError {
  override name = 'RefusedTokenError'

  constructor(why: string) {
    super('SessionRequired', `access token refused: ${why}; call zone.stratos.server.createSession instead`)
  }
}

interface Claims {
  readonly did: Did
  readonly iss: string
  readonly audiences: readonly string[]
  readonly grant: TokenGrant
}

/**
 * Access tokens that can be checked: from authorization servers that publish the keys they sign with. A stock PDS does not,
 * so this is the exception. Everything about the token must hold, and nothing is looked up for one that cannot.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9068
 */
export class AccessTokens {
  readonly #settings: AccessTokenSettings

  constructor(settings: AccessTokenSettings) {
    this.#settings = settings
  }

  /**
   * @param jkt thumbprint of the key whose possession the request proves
   * @returns null for a token that is not meant for us to check, as those of a stock PDS
   * @throws {RefusedTokenError} if it is meant for us and does not hold
   */
  async verify(token: string, jkt: string): Promise<VerifiedToken | null> {
    const jws = parseCompactJws(token)
    const header = jws === null ? null : readHeader(jws)
    if (jws === null || header === null) return null
    const claims = this.#readClaims(jws, jkt)
    if (claims === null) return null
    const source = await this.#settings.issuers.findFor(claims.did)
    // Only the subject's own PDS says who may issue tokens for them.
    if (source === null || source.issuer !== claims.iss) {
      throw new RefusedTokenError('iss is not the authorization server of the account')
    }
    if (!this.#isForUs(claims.audiences, source.pds)) throw new RefusedTokenError('aud is not this service')
    const isSigned =
      isSignedBy(jws, header, await this.#settings.issuers.findKeys(claims.iss)) ||
      isSignedBy(jws, header, await this.#settings.issuers.findKeys(claims.iss, { refresh: true }))
    if (!isSigned) throw new RefusedTokenError('no key of its authorization server has signed it')
    return { did: claims.did, grant: claims.grant }
  }

  /** @returns null where a look-up could not make the token good */
  #readClaims(jws: CompactJws, jkt: string): Claims | null {
    const claims = parseJsonPart(jws.payloadText)
    if (claims === null) return null
    const { sub, iss, aud, exp, iat, nbf, cnf, scope } = claims
    const audiences = typeof aud === 'string' ? [aud] : aud
    if (!Array.isArray(audiences) || audiences.length > MAX_AUDIENCES) return null
    if (!audiences.every((audience) => typeof audience === 'string')) return null
    if (!this.#settings.acceptPdsAudience && !this.#isForUs(audiences, null)) return null
    if (typeof sub !== 'string' || !isValidDid(sub) || typeof iss !== 'string') return null
    if (!isJsonObject(cnf) || cnf.jkt !== jkt) return null
    if (!isSeconds(exp) || !isSeconds(iat) || (nbf !== undefined && !isSeconds(nbf))) return null
    const nowSec = this.#settings.nowMs() / 1000
    if (exp <= nowSec - LEEWAY_SEC || exp - iat > MAX_LIFE_SEC) return null
    if (Math.max(iat, nbf ?? 0) > nowSec + LEEWAY_SEC) return null
    return { did: sub, iss, audiences, grant: readTokenScope(scope) }
  }

  #isForUs(audiences: readonly string[], pds: string | null): boolean {
    if (audiences.some((audience) => this.#settings.audiences.has(audience))) return true
    if (!this.#settings.acceptPdsAudience || pds === null) return false
    const pdsDid = `did:web:${new URL(pds).host.replace(':', '%3A')}`
    return audiences.includes(pds) || audiences.includes(pdsDid)
  }
}

interface Header {
  readonly alg: string
  readonly crv: string
  readonly kid: unknown
}

function readHeader(jws: CompactJws): Header | null {
  const header = parseJsonPart(jws.headerText)
  if (header === null || REFUSED_PARAMETERS.some((name) => Object.hasOwn(header, name))) return null
  const { typ, alg, kid } = header
  const crv = CURVES.get(alg)
  if (typeof alg !== 'string' || crv === undefined) return null
  return typeof typ === 'string' && mediaType(typ) === 'at+jwt' ? { alg, crv, kid } : null
}

function isSignedBy(jws: CompactJws, { alg, crv, kid }: Header, keys: readonly unknown[]): boolean {
  return keys.some((jwk) => {
    if (!isJsonObject(jwk) || jwk.crv !== crv) return false
    if (kid !== undefined && jwk.kid !== kid) return false
    if ((jwk.use ?? 'sig') !== 'sig' || (jwk.alg ?? alg) !== alg) return false
    try {
      const key = { key: importPublicJwk(jwk, crv).key, dsaEncoding: 'ieee-p1363' } as const
      return jws.signature.byteLength === 64 && verify('sha256', jws.signingInput, key, jws.signature)
    } catch (err) {
      // One bad key does not spoil those beside it.
      if (err instanceof TypeError) return false
      throw err
    }
  })
}
