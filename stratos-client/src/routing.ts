import type { StratosEnrollment } from './enrollment.ts'
import { StratosClientError } from './errors.ts'
import { refuseUnboundedRecord } from './record-guard.ts'

/** Sends a request with whatever authentication it knows; relative paths go where it considers home. */
export type FetchHandler = (pathOrUrl: string, init?: RequestInit) => Promise<Response>

/** The same, as an object; the shape other client libraries take. */
export interface FetchHandlerObject {
  handle(pathname: string, init?: RequestInit): Promise<Response>
}

/**
 * Checks a service URL and reduces it to its origin, where XRPC lives.
 *
 * @throws {StratosClientError} `InvalidServiceUrl` if it is not http(s) or carries credentials
 */
export function parseServiceUrl(serviceUrl: string): URL {
  const url = URL.canParse(serviceUrl) ? new URL(serviceUrl) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new StratosClientError('InvalidServiceUrl', `not the URL of a service: ${serviceUrl}`)
  }
  return new URL(url.origin)
}

/**
 * Sends requests to a Stratos service through an authenticated handler that would otherwise send them to the PDS.
 *
 * The handler receives the absolute URL, so that a DPoP proof names the address that is really called. Redirects are
 * errors: XRPC has none, and a followed one would carry private records elsewhere.
 *
 * Does not register session keys; `createStratosFetchHandler` does.
 *
 * @param handler for example `(url, init) => session.fetchHandler(url, init)`
 * @returns an object whose `handle` takes a path with its query, such as `/xrpc/com.atproto.repo.getRecord?repo=…`,
 *   and rejects with a {@link StratosClientError} `ForeignOrigin`, `ProxiedWriteRefused` or `MissingBoundary` before any
 *   request is sent
 * @throws {StratosClientError} `InvalidServiceUrl`
 */
export function createServiceFetchHandler(handler: FetchHandler, serviceUrl: string): FetchHandlerObject {
  const base = parseServiceUrl(serviceUrl)
  return {
    async handle(pathname, init) {
      const url = resolveAt(base, pathname)
      refuseProxiedRepoCall(url, init)
      refuseUnboundedRecord(url, init)
      return handler(url.href, { ...init, redirect: 'error' })
    },
  }
}

function resolveAt(base: URL, pathname: string): URL {
  const url = URL.canParse(pathname, base.href) ? new URL(pathname, base.href) : null
  if (url?.origin !== base.origin || url.username !== '' || url.password !== '') {
    throw new StratosClientError('ForeignOrigin', `${pathname} does not lead to ${base.origin}`)
  }
  return url
}

function refuseProxiedRepoCall(url: URL, init: RequestInit | undefined): void {
  const isRepoCall = /^\/xrpc\/com(\.|%2e)atproto(\.|%2e)repo(\.|%2e)/i.test(url.pathname)
  if (isRepoCall && new Headers(init?.headers).has('atproto-proxy')) {
    throw new StratosClientError(
      'ProxiedWriteRefused',
      'a PDS ignores atproto-proxy for com.atproto.repo.* and would publish the record itself; use zone.stratos.repo.*',
    )
  }
}

/** The service an enrollment names, or `fallbackUrl` for someone who is not enrolled. */
export function resolveServiceUrl(enrollment: StratosEnrollment | null, fallbackUrl: string): string {
  return enrollment?.service ?? fallbackUrl
}

/** The enrollment with the service at `serviceUrl`, or null; a trailing slash makes no difference. */
export function findEnrollmentByService(
  enrollments: readonly StratosEnrollment[],
  serviceUrl: string,
): StratosEnrollment | null {
  const wanted = trimSlashes(serviceUrl)
  return enrollments.find((enrollment) => trimSlashes(enrollment.service) === wanted) ?? null
}

function trimSlashes(url: string): string {
  return url.replace(/\/+$/, '')
}
