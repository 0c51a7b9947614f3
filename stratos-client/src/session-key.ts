import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { isNetworkFailure } from './network-failure.ts'
import { makeRepeatable } from './repeatable-request.ts'
import type { FetchHandler } from './routing.ts'
import { CREATE_SESSION_NSID } from './scopes.ts'
import { fetchServiceJwt } from './service-auth.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const TIMEOUT_MS = 20_000

export interface SessionKeyOptions {
  /** origin of the service */
  service: URL
  /** resolves to `<did>#<fragment>` of the service */
  findAudience: () => Promise<string>
  maxBufferedBytes: number
}

/**
 * Wraps an OAuth session so that its key becomes known to the service when the service asks for that.
 *
 * An OAuth session signs every request with its own key, wherever it goes. The service trusts that key once the user
 * has vouched for it with a token from their PDS. When it answers that the key is unknown (or no longer known), the key
 * is registered through the same session and the request is repeated once. Requests that fail together share one
 * registration.
 *
 * @param session sends relative paths to the PDS and absolute URLs where they point, signing both
 */
export function withSessionKey(session: FetchHandler, options: SessionKeyOptions): FetchHandler {
  const { service, findAudience, maxBufferedBytes } = options
  let running: Promise<void> | null = null
  let completed = 0

  async function register(): Promise<void> {
    const audience = await findAudience()
    const serviceAuth = await fetchServiceJwt(session, { audience, method: CREATE_SESSION_NSID })
    await createSession(session, service, serviceAuth)
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
    const completedBefore = completed
    const response = await session(url, request)
    if (!(await isSessionRequired(response))) return response
    await response.body?.cancel()
    // Another request's registration may have finished while this one was on its way.
    if (completed === completedBefore) await registerTogether()
    return session(url, request)
  }
}

async function createSession(session: FetchHandler, service: URL, serviceAuth: string): Promise<void> {
  const response = await postSession(session, service, serviceAuth)
  const body = await readJsonObject(response, MAX_ANSWER_BYTES)
  if (response.ok) return
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
