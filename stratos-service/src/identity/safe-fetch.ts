import { safeFetchWrap } from '@atproto-labs/fetch-node'

export type SafeFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface SafeFetchOptions {
  /** Also permit http, ports and loopback or private addresses; for networks on one machine. */
  readonly allowPrivateAddresses: boolean
  readonly userAgent: string
}

const TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 256 * 1024

/**
 * The `fetch` for every address that somebody else chose: https only, no private or link-local address (checked again
 * when the socket connects), 10 s, 256 KiB. Redirects are refused unless the caller asks for them, and every hop is
 * checked.
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const guarded = safeFetchWrap({
    ssrfProtection: !options.allowPrivateAddresses,
    allowIpHost: options.allowPrivateAddresses,
    // A service on another port is as public as one on 443.
    allowCustomPort: true,
    timeout: TIMEOUT_MS,
    responseMaxSize: MAX_RESPONSE_BYTES,
    // Its list is of hosts that are no OAuth clients; this fetch talks to servers.
    forbiddenDomainNames: [],
  })
  return async (input, init) => {
    const redirect = init?.redirect ?? 'error'
    const request = new Request(input, { ...init, redirect })
    if (!request.headers.has('user-agent')) request.headers.set('user-agent', options.userAgent)
    return guarded(request, { redirect })
  }
}
