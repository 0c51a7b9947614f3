import { hash } from 'node:crypto'
import { StratosError, type ReplayStore } from 'stratos-core'
import { verifyEcdsaSideBySide } from 'stratos-core/repo'
import { MAX_JWS_LENGTH, parseCompactJws, parseJsonPart, type CompactJws } from './compact-jws.ts'
import type { DpopNonces } from './dpop-nonce.ts'
import { isSameResource } from './http-uri.ts'
import { LruCache } from '../limits/lru-cache.ts'
import { invalidProof, readProofKey } from './proof-key.ts'
import type { PublicKey } from './public-jwk.ts'

/** How far `iat` may be from our clock, either way. */
const IAT_WINDOW_SEC = 60
/** Identifiers are kept a little longer than proofs live, for instances whose clocks differ. */
const REPLAY_MARGIN_SEC = 10
const MAX_JTI_BYTES = 256

const MAX_CACHED_KEYS = 2_000
/** A header with nothing but typ, alg and jwk has about 250 characters. */
const MAX_CACHED_HEADER_LENGTH = 512

export interface DpopProofInput {
  /** Every `DPoP` header value, as received; one is right. */
  readonly proofs: readonly string[]
  readonly method: string
  /** Our configured origin and the request's path: what the client must have signed as `htu`. */
  readonly url: string
  /** The token of `Authorization: DPoP`, or null if there is none. */
  readonly accessToken: string | null
}

/** A proof that holds, and has not been used up yet. */
export interface VerifiedProof {
  /** Thumbprint of the key that signed. */
  readonly jkt: string
  /**
   * Uses the proof up. To be called before anything is answered, once it is known that the key means anything: whoever
   * is nobody must not fill the memory for used proofs.
   *
   * @throws {StratosError} `InvalidDpopProof` if it was used before
   */
  readonly use: () => Promise<void>
}

export interface DpopProofContext {
  readonly nonces: DpopNonces
  /** Whether a proof without a nonce is refused. A nonce that is not ours always is. */
  readonly requireNonce: boolean
  readonly replays: ReplayStore
  readonly nowMs: () => number
}

/**
 * Checks DPoP proofs: that the holder of a key has signed this very request, now, for the first time.
 *
 * Says nothing about whom the key speaks for, and nothing about the access token but that the proof was made for it.
 */
export class DpopProofs {
  readonly #context: DpopProofContext
  /** By header text: importing a key costs half as much as verifying with it, and a client's header never changes. */
  readonly #keys = new LruCache<string, PublicKey>(MAX_CACHED_KEYS)

  constructor(context: DpopProofContext) {
    this.#context = context
  }

  /** The nonce that the next proof should carry. */
  nonce(): string {
    return this.#context.nonces.current()
  }

  /**
   * Runs the checks of RFC 9449 in their order, but for the last one, which remembers the proof: that is left to the
   * caller.
   *
   * @throws {StratosError} `UseDpopNonce` if the nonce is missing or stale, `InvalidDpopProof` otherwise
   * @see https://www.rfc-editor.org/rfc/rfc9449#section-4.3
   */
  async verify(input: DpopProofInput): Promise<VerifiedProof> {
    const proof = parseProof(input.proofs)
    const { key, jkt } = await this.#verifySignature(proof)
    const claims = parseJsonPart(proof.payloadText)
    if (claims === null) throw invalidProof('the payload is not a JSON object')

    if (claims.htm !== input.method) throw invalidProof('htm is not the method of this request')
    if (typeof claims.htu !== 'string' || !isSameResource(claims.htu, input.url)) {
      throw invalidProof('htu is not the public URL of this request')
    }
    this.#checkNonce(claims.nonce)
    const issuedAtSec = this.#checkIssuedAt(claims.iat)
    const jti = checkJti(claims.jti)
    if (input.accessToken !== null && claims.ath !== hash('sha256', input.accessToken, 'base64url')) {
      throw invalidProof('ath is not the hash of the access token')
    }
    const forgetAtMs = (issuedAtSec + IAT_WINDOW_SEC + REPLAY_MARGIN_SEC) * 1000
    // Only keys that have signed something are worth a place, or garbage would push them out.
    if (proof.headerText.length <= MAX_CACHED_HEADER_LENGTH) this.#keys.set(proof.headerText, { key, jkt })
    return { jkt, use: () => this.#use(`dpop ${jkt} ${jti}`, forgetAtMs) }
  }

  async #use(key: string, forgetAtMs: number): Promise<void> {
    if (!(await this.#context.replays.use(key, forgetAtMs))) throw invalidProof('it was used before')
  }

  async #verifySignature(proof: CompactJws): Promise<PublicKey> {
    const proofKey = this.#keys.get(proof.headerText) ?? readProofKey(proof.headerText)
    const { signingInput, signature } = proof
    // Either of the two equivalent signatures will do: browsers do not choose the low one.
    if (!(await verifyEcdsaSideBySide(proofKey.key, signingInput, signature))) {
      throw invalidProof('the signature does not match jwk')
    }
    return proofKey
  }

  #checkNonce(nonce: unknown): void {
    const { nonces, requireNonce } = this.#context
    if (nonce === undefined && !requireNonce) return
    if (nonce === undefined)
      throw new StratosError('UseDpopNonce', 'the DPoP proof must carry the nonce of this service')
    if (typeof nonce !== 'string' || !nonces.accepts(nonce)) {
      throw new StratosError('UseDpopNonce', 'the nonce of the DPoP proof is stale or from elsewhere')
    }
  }

  #checkIssuedAt(iat: unknown): number {
    if (typeof iat !== 'number' || !Number.isSafeInteger(iat)) throw invalidProof('iat must be whole seconds')
    const nowSec = Math.floor(this.#context.nowMs() / 1000)
    if (Math.abs(nowSec - iat) > IAT_WINDOW_SEC) {
      throw invalidProof(`iat must be within ${IAT_WINDOW_SEC} s of the clock of this service`)
    }
    return iat
  }
}

function parseProof(proofs: readonly string[]): CompactJws {
  const [proof, ...more] = proofs
  if (proof === undefined) throw invalidProof('there must be a DPoP header')
  if (more.length > 0) throw invalidProof('there must be one DPoP header only')
  if (proof.length > MAX_JWS_LENGTH) throw invalidProof(`it is longer than ${MAX_JWS_LENGTH} characters`)
  const parsed = parseCompactJws(proof)
  if (parsed === null) throw invalidProof('it is not a JWS in compact form')
  return parsed
}

function checkJti(jti: unknown): string {
  if (typeof jti !== 'string' || jti === '' || Buffer.byteLength(jti) > MAX_JTI_BYTES) {
    throw invalidProof(`jti must be 1 to ${MAX_JTI_BYTES} bytes`)
  }
  return jti
}
