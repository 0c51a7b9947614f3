import { safeFetchWrap } from '@atproto-labs/fetch-node'

export type SafeFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

const TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 256 * 1024

/** The `fetch` for addresses that others chose: https, no private addresses, no redirects, 10 s, 256 KiB. */
export function createSafeFetch({ allowPrivateAddresses }: { allowPrivateAddresses: boolean }): SafeFetch {
  const guarded = safeFetchWrap({
    ssrfProtection: !allowPrivateAddresses,
    allowIpHost: allowPrivateAddresses,
    allowCustomPort: true,
    timeout: TIMEOUT_MS,
    responseMaxSize: MAX_RESPONSE_BYTES,
    forbiddenDomainNames: [],
  })
  return (input, init) => {
    const request = new Request(input, { ...init, redirect: 'error' })
    return guarded(request, { redirect: 'error' })
  }
}
