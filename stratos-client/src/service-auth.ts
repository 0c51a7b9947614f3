import { readJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { isNetworkFailure } from './network-failure.ts'
import type { FetchHandler } from './routing.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const TIMEOUT_MS = 20_000

export interface ServiceAuthRequest {
  /** the service the token is for: its DID, or `<did>#<fragment>` */
  audience: string
  /** NSID of the one method the token is good for */
  method: string
}

/**
 * Asks the user's PDS for a token that tells a service who the user is, valid for one method and about a minute.
 *
 * @param session sends relative paths to the user's PDS, authenticated
 * @returns the compact JWT
 * @throws {StratosClientError} `MissingScope`, `PdsRequestFailed` or `PdsUnreachable`; what an OAuth session throws
 *   because it has ended is passed through
 * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
 */
export async function fetchServiceJwt(session: FetchHandler, request: ServiceAuthRequest): Promise<string> {
  const query = new URLSearchParams({ aud: request.audience, lxm: request.method })
  const response = await callPds(session, `/xrpc/com.atproto.server.getServiceAuth?${query}`)
  const body = await readJsonObject(response, MAX_ANSWER_BYTES)
  if (response.ok && typeof body?.['token'] === 'string') return body['token']

  const serverError = typeof body?.['error'] === 'string' ? body['error'] : undefined
  const code = isScopeError(response.status, serverError) ? 'MissingScope' : 'PdsRequestFailed'
  const reason = typeof body?.['message'] === 'string' ? body['message'] : `status ${response.status}`
  throw new StratosClientError(code, `the PDS gave no token for ${request.method}: ${reason}`, {
    status: response.status,
    serverError,
  })
}

async function callPds(session: FetchHandler, path: string): Promise<Response> {
  try {
    return await session(path, { method: 'GET', signal: AbortSignal.timeout(TIMEOUT_MS) })
  } catch (err) {
    // Anything else is the session's own news, such as that it has ended.
    if (!isNetworkFailure(err)) throw err
    throw new StratosClientError('PdsUnreachable', 'the PDS did not answer', { cause: err })
  }
}

function isScopeError(status: number, serverError: string | undefined): boolean {
  return status === 403 || /scope/i.test(serverError ?? '')
}
