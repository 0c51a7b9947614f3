import { StratosClientError } from './errors.ts'
import { isAbort, isNetworkFailure } from './network-failure.ts'
import { isReadMethod } from './request-method.ts'
import { withRetries, type RetryOptions } from './retry.ts'
import { createServiceFetchHandler, parseServiceUrl, type FetchHandler } from './routing.ts'
import { formatAudience } from './scopes.ts'
import { assertStratosService, fetchServiceDid } from './service-identity.ts'
import { withServiceJwt } from './service-jwt.ts'
import { withSessionKey, type SessionStore } from './session-key.ts'

const DEFAULT_MAX_BUFFERED_BYTES = 16 * 1024 * 1024

/**
 * How a user is proven to the service: `session-key` for OAuth sessions, whose key signs every request, `service-jwt`
 * for sessions that only hold a bearer token for their PDS.
 */
export type StratosAuth = 'session-key' | 'service-jwt'

/**
 * A signed-in user: `OAuthSession`, `CredentialSession`, or an `Agent` made from one; or, of the `@atcute` family,
 * `OAuthUserAgent` or `CredentialManager`.
 *
 * Its function sends a request as the user: a relative path goes to the user's PDS.
 */
export type StratosSession = {
  readonly did?: string
  /** Where the `@atcute` family has the DID. */
  readonly session?: { readonly did?: string; readonly info?: { readonly sub?: string } } | undefined
} & (
  | { fetchHandler(pathOrUrl: string, init?: RequestInit): Promise<Response> }
  | { handle(pathOrUrl: string, init?: RequestInit): Promise<Response> }
)

export interface StratosSessionOptions {
  /** DID of the service; by default the service is asked, and believed if the DID is a `did:web` of its host. */
  serviceDid?: string
  /** Fragment of the service's DID that names its role; `atproto_pns` unless the operator changed it. */
  serviceFragment?: string
  /** Only needed for a session that is not one of the official ones. */
  auth?: StratosAuth
  /** Longest streamed request body, in bytes, that is kept in memory for repeating; 16 MiB by default. */
  maxBufferedBytes?: number
  /** How failed requests are repeated. */
  retry?: RetryOptions
  /** Remembers across reloads how long the session's key is registered for. */
  sessions?: SessionStore
  /** For requests without the session's credentials; the platform's by default. */
  fetch?: typeof globalThis.fetch
}

/**
 * Makes a handler that sends requests to a Stratos service as the user of `session`, proving who they are.
 *
 * Takes care of session keys (`zone.stratos.server.createSession`) or service tokens; the caller sees only the answer
 * to the request. Repeats what another attempt may help. For an `Agent` of
 * `@atproto/api` use {@link createStratosAgent}; this one fits other clients.
 *
 * @returns takes a path such as `/xrpc/zone.stratos.server.listDomains`; rejects with a {@link StratosClientError} when
 *   the user could not be proven to the service
 * @throws {StratosClientError} `InvalidServiceUrl` or `UnknownSessionKind`
 */
export function createStratosFetchHandler(
  session: StratosSession,
  serviceUrl: string,
  options: StratosSessionOptions = {},
): FetchHandler {
  const service = parseServiceUrl(serviceUrl)
  const owner = unwrapAgent(session)
  const asUser = handlerOf(owner)
  const fetch = options.fetch ?? globalThis.fetch
  const maxBufferedBytes = options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES
  const { sessions } = options
  const findServiceDid = once(async () => options.serviceDid ?? (await fetchServiceDid(service.href, fetch)))

  const authenticated =
    (options.auth ?? detectAuth(owner)) === 'session-key'
      ? withSessionKey(asUser, {
          service,
          findAudience: async () => formatAudience(await findServiceDid(), options.serviceFragment),
          maxBufferedBytes,
          store: sessions && { sessions, key: () => `${didOf(owner)} ${service.origin}` },
        })
      : withServiceJwt(asUser, { findServiceDid, currentDid: () => didOf(owner), fetch })

  const patient = withRetries(authenticated, options.retry ?? {}, maxBufferedBytes)
  const checkService = once(() => assertStratosService(service.href, fetch))
  const careful: FetchHandler = async (url, init) => {
    // Whoever passes the address of a PDS by mistake would publish what they write.
    if (!isReadMethod(init)) await checkService()
    try {
      return await patient(url, init)
    } catch (err) {
      init?.signal?.throwIfAborted()
      if (err instanceof StratosClientError || isAbort(err) || !isNetworkFailure(err)) throw err
      throw new StratosClientError('ServiceUnreachable', `${service.origin} did not answer`, { cause: err })
    }
  }
  return createServiceFetchHandler(careful, service.href).handle
}

function handlerOf(session: StratosSession): FetchHandler {
  return 'fetchHandler' in session
    ? (pathOrUrl, init) => session.fetchHandler(pathOrUrl, init)
    : (pathOrUrl, init) => session.handle(pathOrUrl, init)
}

function didOf(session: StratosSession): string | undefined {
  return session.did ?? session.session?.did ?? session.session?.info?.sub
}

// An Agent adds headers of its own (labelers, a proxy) that are not meant for calls of this package.
// Told by its shape, so that apps without @atproto/api do not load it.
export function unwrapAgent(session: StratosSession): StratosSession {
  return 'sessionManager' in session ? (session.sessionManager as StratosSession) : session
}

/**
 * Tells OAuth sessions from app-password sessions.
 *
 * There is no default: a bearer token sent to the service by mistake would hand over the user's whole account.
 */
function detectAuth(session: StratosSession): StratosAuth {
  if ('getTokenInfo' in session) return 'session-key'
  if ('dispatchUrl' in session) return 'service-jwt'
  // OAuthUserAgent and CredentialManager of the @atcute family.
  if ('handle' in session && 'getSession' in session) return 'session-key'
  if ('handle' in session && 'serviceUrl' in session) return 'service-jwt'
  throw new StratosClientError('UnknownSessionKind', "pass `auth: 'session-key'` or `auth: 'service-jwt'`")
}

/** Calls `find` until it succeeds, then remembers; callers at the same time share one call. */
function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null
  return () => {
    found ??= find().catch((err: unknown) => {
      found = null
      throw err
    })
    return found
  }
}
