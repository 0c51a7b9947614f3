import { safeFetchWrap } from '@atproto-labs/fetch-node'
import type { FetchGate } from './fetch-gate.ts'

export type SafeFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

export interface SafeFetchOptions {
  /** Also permit http, addresses for hosts, and loopback or private ones; for networks on one machine. */
  readonly allowPrivateAddresses: boolean
  readonly userAgent: string
  /** Bounds how many requests go out at once. */
  readonly gate: FetchGate
  /** 256 KiB unless said otherwise. */
  readonly maxResponseBytes?: number
}

const TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 256 * 1024

/**
 * The `fetch` for every address that somebody else chose: https only, no user information, no private or link-local address
 * (the name is resolved once, and the socket connects to what was checked), no redirects, 10 s from the place in the queue
 * to the last byte, 256 KiB or as much as the caller allows.
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const { allowPrivateAddresses, gate } = options
  const guarded = safeFetchWrap({
    ssrfProtection: !allowPrivateAddresses,
    allowIpHost: allowPrivateAddresses,
    // A service on another port is as public as one on 443.
    allowCustomPort: true,
    timeout: TIMEOUT_MS,
    responseMaxSize: options.maxResponseBytes ?? MAX_RESPONSE_BYTES,
    // Its list is of hosts that are no OAuth clients; this fetch talks to servers.
    forbiddenDomainNames: [],
  })
  return async (input, init) => {
    // A caller that looks at redirects itself is given them; nobody is taken along.
    const redirect = (init?.redirect ?? 'error') === 'manual' ? 'manual' : 'error'
    const asked = new Request(input, { ...init, redirect })
    const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const request = new Request(asked, { signal })
    if (!request.headers.has('user-agent')) request.headers.set('user-agent', options.userAgent)
    const { host } = new URL(request.url)
    return gate.run(host, signal, async () => wholeOf(await guarded(request, { redirect })))
  }
}

/** Reads the body while the request still counts as one under way: a slow one must not slip out of the limits. */
async function wholeOf(response: Response): Promise<Response> {
  const { status, statusText, headers, url } = response
  const bytes = await response.arrayBuffer()
  const isEmpty = bytes.byteLength === 0
  const whole = new Response(isEmpty ? null : bytes, { status, statusText, headers })
  Object.defineProperty(whole, 'url', { value: url })
  return whole
}
