import { isReadMethod } from './request-method.ts'
import type { FetchHandler } from './routing.ts'
import { fetchServiceJwt } from './service-auth.ts'

// A PDS gives tokens a minute; a token must still be alive when the request arrives.
const REUSE_MS = 40_000

export interface ServiceJwtOptions {
  /** resolves to the DID of the service */
  findServiceDid: () => Promise<string>
  /** the user the session belongs to, as of now */
  currentDid: () => string | undefined
  /** plain fetch: the session's own credentials must never reach the service */
  fetch: typeof globalThis.fetch
}

interface KeptToken {
  token: string
  usableUntilMs: number
}

/**
 * Sends requests to a service with a token minted by the user's PDS for each method.
 *
 * For sessions without a key of their own, such as an app password. A token for a procedure is used once, because the
 * service accepts it once; one for a query is kept for less than a minute. What is not an XRPC method is sent without
 * authentication.
 *
 * @param session sends relative paths to the user's PDS, authenticated
 */
export function withServiceJwt(session: FetchHandler, options: ServiceJwtOptions): FetchHandler {
  const { findServiceDid, currentDid, fetch } = options
  const kept = new Map<string, KeptToken>()

  async function mint(method: string): Promise<string> {
    return fetchServiceJwt(session, { audience: await findServiceDid(), method })
  }

  async function mintAndKeep(key: string, method: string): Promise<string> {
    const token = await mint(method)
    kept.set(key, { token, usableUntilMs: Date.now() + REUSE_MS })
    return token
  }

  async function query(url: string, init: RequestInit | undefined, method: string): Promise<Response> {
    // Keyed by user as well: an app-password session can change hands.
    const key = `${currentDid()} ${method}`
    const found = kept.get(key)
    if (found !== undefined && Date.now() < found.usableUntilMs) {
      const response = await fetch(url, withBearer(init, found.token))
      if (response.status !== 401) return response
      await response.body?.cancel()
    }
    return fetch(url, withBearer(init, await mintAndKeep(key, method)))
  }

  return async (url, init) => {
    const method = methodOf(url)
    if (method === null) return fetch(url, init)
    if (isReadMethod(init)) return query(url, init, method)
    return fetch(url, withBearer(init, await mint(method)))
  }
}

/** @returns null for the address of something else than an XRPC method */
export function methodOf(url: string): string | null {
  return /^\/xrpc\/([A-Za-z0-9.-]+)$/.exec(new URL(url).pathname)?.[1] ?? null
}

export function withBearer(init: RequestInit | undefined, token: string): RequestInit {
  const headers = new Headers(init?.headers)
  headers.set('authorization', `Bearer ${token}`)
  return { ...init, headers, credentials: 'omit' }
}
