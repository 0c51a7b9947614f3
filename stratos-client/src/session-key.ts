import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { isNetworkFailure } from './network-failure.ts'
import { makeRepeatable } from './repeatable-request.ts'
import type { FetchHandler } from './routing.ts'
import { CREATE_SESSION_NSID } from './scopes.ts'
import { fetchServiceJwt } from './service-auth.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const TIMEOUT_MS = 20_000

/** What is known about the session of a user with a service. */
export interface KnownSession {
  /** ISO 8601: when the service forgets the session's key. */
  expiresAt: string
}

/**
 * Keeps what is known about sessions beyond the life of a page, beside the OAuth session itself. Nothing in it is secret.
 * With one, a key is registered before the first request instead of after it was refused.
 */
export interface SessionStore {
  get(key: string): Promise<KnownSession | undefined>
  set(key: string, session: KnownSession): Promise<void>
  delete(key: string): Promise<void>
}

/** Renewed when less than this is left, while requests go on. */
const RENEW_BEFORE_MS = 5 * 60_000

export interface SessionKeyOptions {
  /** origin of the service */
  service: URL
  /** resolves to `<did>#<fragment>` of the service */
  findAudience: () => Promise<string>
  maxBufferedBytes: number
  /** with the key under which this session is in it */
  store?: { sessions: SessionStore; key: () => string } | undefined
}

/**
 * Wraps an OAuth session so that its key becomes known to the service when the service asks for that.
 *
 * An OAuth session signs every request with its own key, wherever it goes. The service trusts that key once the user
 * has vouched for it with a token from their PDS. When it answers that the key is unknown (or no longer known), the key
 * is registered through the same session and the request is repeated once. Requests that fail together share one
 * registration. Before it expires, the key is registered again, while requests go on.
 *
 * @param session sends relative paths to the PDS and absolute URLs where they point, signing both
 */
export function withSessionKey(session: FetchHandler, options: SessionKeyOptions): FetchHandler {
  const { service, findAudience, maxBufferedBytes, store } = options
  const expiry = new SessionExpiry(store)
  let running: Promise<void> | null = null
  let completed = 0

  async function register(): Promise<void> {
    const audience = await findAudience()
    const serviceAuth = await fetchServiceJwt(session, { audience, method: CREATE_SESSION_NSID })
    await expiry.put(await createSession(session, service, serviceAuth))
    completed++
  }

  function registerTogether(): Promise<void> {
    running ??= register().finally(() => {
      running = null
    })
    return running
  }

  return async (url, init) => {
    const request = await makeRepeatable(init, maxBufferedBytes)
    const state = await expiry.state()
    if (state === 'expired') await registerTogether()
    // Should this fail, the next request finds the key unknown, and its caller hears why.
    else if (state === 'ending') registerTogether().catch(() => undefined)
    const completedBefore = completed
    const response = await session(url, request)
    if (!(await isSessionRequired(response))) return response
    await response.body?.cancel()
    // Another request's registration may have finished while this one was on its way.
    if (completed === completedBefore) await registerTogether()
    return session(url, request)
  }
}

/** How long the key is known for, as far as the service or the store has said. */
class SessionExpiry {
  readonly #store: SessionKeyOptions['store']
  #key: string | null = null
  #endsAtMs: number | null = null

  constructor(store: SessionKeyOptions['store']) {
    this.#store = store
  }

  async put(expiresAt: string | null): Promise<void> {
    this.#key = this.#store?.key() ?? null
    this.#endsAtMs = expiresAt === null ? null : Date.parse(expiresAt)
    if (this.#key !== null && expiresAt !== null) await this.#store?.sessions.set(this.#key, { expiresAt })
  }

  /** `unknown` without a store until the key is registered: then the service says whether it has to be. */
  async state(): Promise<'unknown' | 'valid' | 'ending' | 'expired'> {
    const key = this.#store?.key() ?? null
    if (key !== null && key !== this.#key) {
      const known = await this.#store?.sessions.get(key)
      this.#key = key
      this.#endsAtMs = known === undefined ? 0 : Date.parse(known.expiresAt)
    }
    if (this.#endsAtMs === null) return 'unknown'
    const leftMs = this.#endsAtMs - Date.now()
    if (leftMs <= 0 || Number.isNaN(leftMs)) return 'expired'
    return leftMs < RENEW_BEFORE_MS ? 'ending' : 'valid'
  }
}

/** @returns when the service forgets the key, if it says so */
async function createSession(
  session: FetchHandler,
  service: URL,
  serviceAuth: string,
): Promise<string | null> {
  const response = await postSession(session, service, serviceAuth)
  const body = await readJsonObject(response, MAX_ANSWER_BYTES)
  if (response.ok) return typeof body?.['expiresAt'] === 'string' ? body['expiresAt'] : null
  const serverError = typeof body?.['error'] === 'string' ? body['error'] : undefined
  const reason = typeof body?.['message'] === 'string' ? body['message'] : `status ${response.status}`
  throw new StratosClientError('SessionRefused', `the service refused the session: ${reason}`, {
    status: response.status,
    serverError,
  })
}

async function postSession(session: FetchHandler, service: URL, serviceAuth: string): Promise<Response> {
  try {
    return await session(new URL(`/xrpc/${CREATE_SESSION_NSID}`, service).href, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ serviceAuth }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (err) {
    if (!isNetworkFailure(err)) throw err
    throw new StratosClientError('ServiceUnreachable', 'the service did not answer', { cause: err })
  }
}

/** Recognises "I do not know this key" by the challenge, or by the body where a browser may not see the challenge. */
async function isSessionRequired(response: Response): Promise<boolean> {
  if (response.status !== 401) return false
  const challenge = response.headers.get('www-authenticate') ?? ''
  if (challenge.includes('error="session_required"')) return true
  const body: unknown = await readJsonObject(response.clone(), MAX_ANSWER_BYTES)
  return isJsonObject(body) && body['error'] === 'SessionRequired'
}
