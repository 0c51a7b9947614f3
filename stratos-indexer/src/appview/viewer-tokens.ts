import { AuthRequiredError, verifyJwt } from '@atproto/xrpc-server'
import { isNativeSignature } from '../identity/native-signature.ts'

/** Longest life of a token, from now. */
const MAX_LIFE_SEC = 5 * 60
const MAX_TOKEN_LENGTH = 8 * 1_024
const MAX_JTI_LENGTH = 256
const MAX_USED = 200_000

export interface ViewerTokenOptions {
  /** DID of this process. Tokens are for it, or for one of its services: `did:web:indexer.example#stratos_appview`. */
  readonly did: string
  /** Finds the `#atproto` key of an account as `did:key`. */
  readonly signingKey: (did: string, refresh: boolean) => Promise<string>
  readonly nowMs: () => number
}

/** Who a token speaks for. */
export interface Reader {
  readonly did: string
  /**
   * Uses the token up. What is remembered for it takes room, so this is for readers to whom the token opens something: of
   * others there are as many as anybody likes.
   *
   * @throws {AuthRequiredError} if it was used before
   */
  spend(): void
}

/**
 * Tells who is reading, from the service token that the PDS of an account makes for one method of this process.
 *
 * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
 */
export class ViewerTokens {
  readonly #options: ViewerTokenOptions
  /** When identifiers may be forgotten, by issuer and `jti`; oldest first. */
  readonly #used = new Map<string, number>()

  constructor(options: ViewerTokenOptions) {
    this.#options = options
  }

  /**
   * @throws {AuthRequiredError} unless the token was made for this call
   */
  async verify(header: string | undefined, method: string): Promise<Reader> {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? '')?.[1]
    if (token === undefined || token.length > MAX_TOKEN_LENGTH) throw refused('a service token is needed')
    let claims: Awaited<ReturnType<typeof verifyJwt>>
    try {
      const keyOf = (iss: string, refresh: boolean) => this.#options.signingKey(iss, refresh)
      claims = await verifyJwt(token, null, method, keyOf, async (...signed) => isNativeSignature(...signed))
    } catch (err) {
      throw refused(err instanceof AuthRequiredError ? err.message : 'the service token does not hold')
    }
    const { iss, aud, exp, jti } = claims
    const { did } = this.#options
    if (iss.includes('#')) throw refused('iss must be an account')
    if (aud !== did && !(aud.startsWith(`${did}#`) && /^#[a-z0-9_]{1,64}$/.test(aud.slice(did.length)))) {
      throw refused('aud is not this server')
    }
    const nowSec = this.#options.nowMs() / 1_000
    if (!Number.isSafeInteger(exp) || exp > nowSec + MAX_LIFE_SEC + 30) throw refused('it lives too long')
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw refused('jti is missing')
    return { did: iss, spend: () => this.#use(`${iss} ${jti}`, exp) }
  }

  #use(key: string, expSec: number): void {
    const nowSec = this.#options.nowMs() / 1_000
    if (this.#used.has(key)) throw refused('it was used before')
    for (const [old, forgetAtSec] of this.#used) {
      if (forgetAtSec > nowSec) break
      this.#used.delete(old)
    }
    // Refusing is safe, forgetting is not.
    if (this.#used.size >= MAX_USED) throw refused('too many tokens are in use; try again later')
    this.#used.set(key, expSec + 60)
  }
}

function refused(why: string): AuthRequiredError {
  return new AuthRequiredError(why, 'AuthenticationRequired')
}
