import { hash, timingSafeEqual } from 'node:crypto'
import { StratosError, type Did, type Nsid } from 'stratos-core'
import type { AuthRequest, Authenticator, Caller, MethodKind } from './authenticate.ts'
import { headerValues } from './credentials.ts'
import type { GuardContext } from './guards.ts'

/** The query parameter in which a stream's token may come: browsers cannot set headers on WebSockets. */
const PARAMETER = 'syncToken'

export interface StreamCredentialsOptions {
  readonly auth: Authenticator
  /** Opens every stream to whoever knows it; null if the operator has set none. At least 32 characters. */
  readonly secret: string | null
  readonly serviceDid: Did
}

/**
 * Authentication of streams: as of every other method, with a service token also as a query parameter. The secret that an
 * operator may have set counts as an allow-listed service.
 */
export class StreamCredentials {
  readonly #options: StreamCredentialsOptions

  constructor(options: StreamCredentialsOptions) {
    this.#options = options
  }

  /** For one connection; `identified` hears who it was, before the guard decides whether they may. */
  forRequest(identified: (caller: Caller) => void): GuardContext['auth'] {
    const { auth } = this.#options
    return {
      authenticate: async (request, nsid, kind) => {
        const caller = await this.#authenticate(request, nsid, kind)
        identified(caller)
        return caller
      },
      authenticateOperator: (...args) => auth.authenticateOperator(...args),
      proveKey: (request) => auth.proveKey(request),
      register: (...args) => auth.register(...args),
    }
  }

  async #authenticate(request: AuthRequest, nsid: Nsid, kind: MethodKind): Promise<Caller> {
    const { auth, serviceDid } = this.#options
    const [token, ...more] = new URLSearchParams(request.url.split('?')[1] ?? '').getAll(PARAMETER)
    if (token === undefined) return auth.authenticate(request, nsid, kind)
    if (more.length > 0 || headerValues(request.rawHeaders, 'authorization').length > 0) {
      throw new StratosError('AuthenticationRequired', 'send one token, in one place')
    }
    if (this.#isSecret(token)) return { viewer: { kind: 'service', did: serviceDid }, jkt: null }
    return auth.authenticate(
      { ...request, rawHeaders: [...request.rawHeaders, 'Authorization', `Bearer ${token}`] },
      nsid,
      kind,
    )
  }

  #isSecret(token: string): boolean {
    const { secret } = this.#options
    if (secret === null) return false
    return timingSafeEqual(hash('sha256', token, 'buffer'), hash('sha256', secret, 'buffer'))
  }
}
