import {
  ANONYMOUS,
  StratosError,
  type AnonymousViewer,
  type Did,
  type Nsid,
  type OperatorViewer,
  type SessionKey,
  type ServiceViewer,
  type UserViewer,
} from 'stratos-core'
import { RefusedTokenError, type AccessTokens } from './access-token.ts'
import type { AdminPassword } from './admin.ts'
import { challengeFor, CHALLENGE_HEADER, NONCE_HEADER } from './challenge.ts'
import { headerValues, readCredential, type Credential } from './credentials.ts'
import type { DpopProofs, VerifiedProof } from './dpop-proof.ts'
import type { FailureLimiter } from './failure-limiter.ts'
import type { Memberships } from './memberships.ts'
import type { ServiceJwts } from './service-jwt.ts'
import type { SessionKeys } from './session-key.ts'
import { isWithinTokens } from './token-scope.ts'

/** What authentication looks at: nothing that a proxy or a sender could make up unnoticed, and not the body. */
export interface AuthRequest {
  readonly method: string
  /** The request target as received, with the query; `originalUrl` behind a router. */
  readonly url: string
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
  /** Where the request came from; only limits look at it. */
  readonly address: string
  /** Sets a header of the answer, be it a success or a refusal. */
  readonly setHeader: (name: string, value: string) => void
}

export type MethodKind = 'query' | 'procedure'

/** Who sent a request. */
export interface Caller {
  readonly viewer: AnonymousViewer | UserViewer | ServiceViewer
  /** Thumbprint of the session key, if that is how the caller was recognised. */
  readonly jkt: string | null
}

export interface AuthenticatorSettings {
  /** Scheme, host and port under which clients know this service; no trailing slash. */
  readonly origin: string
  /** DIDs of allow-listed services. */
  readonly services: ReadonlySet<Did>
  /** DIDs of accounts that may administer. */
  readonly admins: ReadonlySet<Did>
}

export interface AuthenticatorParts {
  readonly proofs: Pick<DpopProofs, 'verify' | 'nonce'>
  readonly jwts: Pick<ServiceJwts, 'verify'>
  readonly sessions: Pick<SessionKeys, 'find' | 'register'>
  readonly tokens: Pick<AccessTokens, 'verify'>
  readonly memberships: Memberships
  readonly admin: Pick<AdminPassword, 'verify'>
  /** Limits bad credentials by address; null sets no limit. */
  readonly failures: FailureLimiter | null
}

/** A request whose headers are read and not yet believed. */
interface Claim {
  readonly request: AuthRequest
  readonly credential: Credential
  /** Values of all `DPoP` headers. */
  readonly proofs: readonly string[]
}

/**
 * Turns a request into a viewer. A request without a credential is anonymous; one with a credential that does not hold is
 * refused, also where nobody would have asked for one.
 *
 * Every DID comes from a signature that leads to its DID document: of this request, of the registration of the key that
 * signed this request, or of the authorization server which the document leads to. The claims of a token that was not
 * verified are not read.
 *
 * All methods set the headers that belong to the answer, and throw `StratosError` `AuthenticationRequired`,
 * `SessionRequired`, `UseDpopNonce`, `InvalidDpopProof`, `RateLimitExceeded`, or `InvalidRequest` for a request target
 * that is not a path.
 */
export class Authenticator {
  readonly #settings: AuthenticatorSettings
  readonly #parts: AuthenticatorParts

  constructor(settings: AuthenticatorSettings, parts: AuthenticatorParts) {
    this.#settings = settings
    this.#parts = parts
  }

  /** @param nsid the method called, which a service token must name */
  async authenticate(request: AuthRequest, nsid: Nsid, kind: MethodKind): Promise<Caller> {
    return this.#attempt(request, null, (claim) => this.#identify(claim, nsid, kind))
  }

  /**
   * Finds out which key signed the request, be it registered or not. A token need not be there, but a proof that comes
   * with one must have been made for it.
   *
   * @returns the proof, not used up
   */
  async proveKey(request: AuthRequest): Promise<VerifiedProof> {
    return this.#attempt(request, 'dpop', async (claim) => {
      const { scheme } = claim.credential
      if (scheme !== 'none' && scheme !== 'dpop') throw refused('this method takes a DPoP proof')
      return this.#verifyProof(claim)
    })
  }

  /**
   * Registers the key that signed `request`. Part of authentication, and not of what comes after it: the token is in the
   * body, and a bad one counts like any other bad credential.
   *
   * @param proof what `proveKey` returned for the same request
   * @throws {StratosError} also `KeyInUse`
   */
  async register(request: AuthRequest, proof: VerifiedProof, serviceAuth: string): Promise<SessionKey> {
    return this.#attempt(request, 'dpop', () =>
      this.#parts.sessions.register(serviceAuth, proof.jkt, proof.use),
    )
  }

  /** Lets in who knows the administrator's password, and the accounts that the operator has named. */
  async authenticateOperator(request: AuthRequest, nsid: Nsid, kind: MethodKind): Promise<OperatorViewer> {
    return this.#attempt(request, 'basic', async (claim) => {
      const { credential } = claim
      const { admins } = this.#settings
      const isSigned = credential.scheme === 'bearer' || credential.scheme === 'dpop'
      if (!isSigned || admins.size === 0) return this.#parts.admin.verify(credential, request.address)
      const { viewer } = await this.#identify(claim, nsid, kind)
      // A token that an application got for something else does not make it an administrator.
      if (viewer.kind === 'user' && viewer.grant === undefined && admins.has(viewer.did)) {
        return { kind: 'operator', name: viewer.did }
      }
      throw refused('this account does not administer this service')
    })
  }

  async #identify(claim: Claim, nsid: Nsid, kind: MethodKind): Promise<Caller> {
    const { credential, proofs } = claim
    switch (credential.scheme) {
      case 'none':
        if (proofs.length > 0) throw refused('a DPoP proof must come with Authorization: DPoP')
        return { viewer: ANONYMOUS, jkt: null }
      case 'bearer':
        if (proofs.length > 0) throw refused('use a service token or a DPoP proof, not both')
        return { viewer: await this.#bearerOf(credential.token, nsid, kind), jkt: null }
      case 'dpop':
        return this.#keyHolder(claim, nsid, kind)
      case 'basic':
        throw refused('a password opens nothing here')
    }
  }

  /**
   * @param wanted the scheme to ask for when the request is refused; null asks for a better one of the kind that was
   *   presented
   */
  async #attempt<T>(
    request: AuthRequest,
    wanted: Credential['scheme'] | null,
    verify: (claim: Claim) => Promise<T>,
  ): Promise<T> {
    const { failures, proofs: verifier } = this.#parts
    // A proxy's form of request names a host, and the host is ours to say.
    if (!request.url.startsWith('/'))
      throw new StratosError('InvalidRequest', 'the request target must be a path')
    const proofs = headerValues(request.rawHeaders, 'dpop')
    const isAttempt = proofs.length > 0 || headerValues(request.rawHeaders, 'authorization').length > 0
    let scheme = 'none' as Credential['scheme']
    const attempt = async (): Promise<T> => {
      const credential = readCredential(request.rawHeaders)
      scheme = credential.scheme
      return verify({ request, credential, proofs })
    }
    try {
      if (!isAttempt || failures === null) return await attempt()
      return await failures.run(request.address, isBadCredential, attempt)
    } catch (err) {
      if (err instanceof StratosError) setChallenge(request, err, wanted ?? scheme)
      throw err
    } finally {
      if (proofs.length > 0 || scheme === 'dpop') request.setHeader(NONCE_HEADER, verifier.nonce())
    }
  }

  async #bearerOf(token: string, nsid: Nsid, kind: MethodKind): Promise<UserViewer | ServiceViewer> {
    const { iss } = await this.#parts.jwts.verify(token, { lxm: nsid, once: kind === 'procedure' })
    return this.#settings.services.has(iss) ? { kind: 'service', did: iss } : this.#userOf(iss)
  }

  /** A session key makes a user of any DID: what services may do takes a token that names the method. */
  async #keyHolder(claim: Claim, nsid: Nsid, kind: MethodKind): Promise<Caller> {
    const proof = await this.#verifyProof(claim)
    const { jkt } = proof
    const session = await this.#parts.sessions.find(jkt)
    if (session === null) return { viewer: await this.#tokenHolder(claim, proof, nsid, kind), jkt: null }
    await proof.use()
    return { viewer: await this.#userOf(session.did), jkt }
  }

  /** The exception: a key that nobody registered, with an access token that can be checked. */
  async #tokenHolder(
    { credential }: Claim,
    proof: VerifiedProof,
    nsid: Nsid,
    kind: MethodKind,
  ): Promise<UserViewer> {
    const token = credential.scheme === 'dpop' ? credential.token : ''
    const verified = await this.#parts.tokens.verify(token, proof.jkt)
    if (verified === null) {
      throw new StratosError(
        'SessionRequired',
        'the DPoP key is not registered; call zone.stratos.server.createSession',
      )
    }
    await proof.use()
    if (!isWithinTokens(nsid, kind)) {
      throw new StratosError('InsufficientScope', `an access token does not open ${nsid}`)
    }
    return { ...(await this.#userOf(verified.did)), grant: verified.grant }
  }

  async #verifyProof({ request, credential, proofs }: Claim): Promise<VerifiedProof> {
    const [path = ''] = request.url.split('?')
    return this.#parts.proofs.verify({
      proofs,
      method: request.method,
      url: this.#settings.origin + path,
      accessToken: credential.scheme === 'none' ? null : credential.token,
    })
  }

  async #userOf(did: Did): Promise<UserViewer> {
    const membership = await this.#parts.memberships.find(did)
    return {
      kind: 'user',
      did,
      enrolled: membership !== null,
      boundaries: membership?.boundaries ?? new Set(),
    }
  }
}

/** Sets `WWW-Authenticate` where the refusal is one of authentication. */
export function setChallenge(request: AuthRequest, error: StratosError, scheme: Credential['scheme']): void {
  const challenge = challengeFor(error, scheme)
  if (challenge !== null) request.setHeader(CHALLENGE_HEADER, challenge)
}

/** Honest clients meet the other refusals in the normal course of things. */
function isBadCredential(err: unknown): boolean {
  if (!(err instanceof StratosError)) return false
  const { code } = err
  return code === 'AuthenticationRequired' || code === 'InvalidDpopProof' || err instanceof RefusedTokenError
}

function refused(why: string): StratosError {
  return new StratosError('AuthenticationRequired', why)
}
