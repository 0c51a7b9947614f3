import type { Account } from './accounts.ts'
import { followSignIn, readableText } from './authorize.ts'

/** The addresses and secret that enrolling an account and reading about it take. */
export interface EnrollmentSite {
  readonly serviceUrl: string
  readonly serviceDid: string
  readonly pdsUrl: string
  readonly adminPassword: string
}

/**
 * Enrolls an account as its owner would in a browser: the service's `/oauth/authorize`, sign-in and consent on the PDS,
 * and back to the service's callback.
 *
 * @throws {Error} saying where it ended, when the service does not call the account enrolled afterwards
 */
export async function enroll(site: EnrollmentSite, account: Account): Promise<void> {
  const start = new URL('/oauth/authorize', site.serviceUrl)
  start.searchParams.set('handle', account.handle)
  const { url, response } = await followSignIn(start, site.pdsUrl, account)
  const page = readableText(await response.text())
  await refreshAccount(site, account)
  if (!account.enrolled) {
    throw new Error(
      `enrolling ${account.handle} ended at ${url.origin}${url.pathname} with ${response.status}: ${page}`,
    )
  }
}

/**
 * Replaces the boundaries of an enrolled user, as an operator.
 *
 * @param names bare names, such as `writers`
 */
export async function setBoundaries(
  site: EnrollmentSite,
  did: string,
  names: readonly string[],
): Promise<string[]> {
  const boundaries = names.map((name) => `${site.serviceDid}/${name}`)
  const response = await fetch(new URL('/xrpc/zone.stratos.admin.setBoundaries', site.serviceUrl), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from(`admin:${site.adminPassword}`).toString('base64')}`,
    },
    body: JSON.stringify({ did, boundaries }),
  })
  if (!response.ok) throw new Error(`setBoundaries answered ${response.status}: ${await response.text()}`)
  await response.body?.cancel()
  return boundaries
}

/** Brings `enrolled` and `boundaries` up to date from the service and from the public enrollment record on the PDS. */
export async function refreshAccount(site: EnrollmentSite, account: Account): Promise<void> {
  const status = await getJson(site.serviceUrl, 'zone.stratos.enrollment.status', { did: account.did })
  account.enrolled = (status as { enrolled?: boolean } | null)?.enrolled === true
  const record = await getJson(site.pdsUrl, 'com.atproto.repo.getRecord', {
    repo: account.did,
    collection: 'zone.stratos.actor.enrollment',
    // A record key may not contain `%`.
    rkey: site.serviceDid.replaceAll(/%3a/gi, ':'),
  })
  const value = (record as { value?: { boundaries?: { value: string }[] } } | null)?.value
  account.boundaries = account.enrolled ? (value?.boundaries ?? []).map((boundary) => boundary.value) : []
}

/** @returns null for a 4xx answer */
async function getJson(origin: string, method: string, params: Record<string, string>): Promise<unknown> {
  const response = await fetch(new URL(`/xrpc/${method}?${new URLSearchParams(params)}`, origin))
  const text = await response.text()
  if (response.status >= 500) throw new Error(`${method} answered ${response.status}: ${text}`)
  return response.ok ? JSON.parse(text) : null
}
