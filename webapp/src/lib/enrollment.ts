import { StratosClientError, getEnrollmentByServiceDid, type FetchHandler } from 'stratos-client'
import type { Config } from './config.ts'

/** What the service and the user's PDS say about the user. */
export interface Membership {
  enrolled: boolean
  /** fully qualified; empty unless enrolled */
  boundaries: string[]
  /** whether the public enrollment record is on the PDS; null if the PDS did not say */
  published: boolean | null
}

export interface MembershipQuery {
  /** reaches the service as the user, who alone is told their boundaries */
  call: FetchHandler
  did: string
  pdsUrl: string
  serviceDid: string
}

/** @throws {StatusError} or what `call` throws, if the service does not say */
export async function findMembership(query: MembershipQuery): Promise<Membership> {
  const [status, published] = await Promise.all([fetchStatus(query), isPublished(query)])
  return { ...status, published }
}

async function fetchStatus({ call, did }: MembershipQuery): Promise<Omit<Membership, 'published'>> {
  const response = await call(`/xrpc/zone.stratos.enrollment.status?${new URLSearchParams({ did })}`)
  if (!response.ok) throw new StatusError(response.status)
  const body = (await response.json()) as { enrolled?: unknown; active?: unknown; boundaries?: unknown }
  const enrolled = body.enrolled === true && body.active !== false
  const listed = enrolled && Array.isArray(body.boundaries) ? body.boundaries : []
  const boundaries = listed.map((entry) => (entry as { value?: unknown } | null)?.value)
  return { enrolled, boundaries: boundaries.filter((value) => typeof value === 'string') }
}

async function isPublished({ did, pdsUrl, serviceDid }: MembershipQuery): Promise<boolean | null> {
  try {
    return (await getEnrollmentByServiceDid(did, pdsUrl, serviceDid)) !== null
  } catch (err) {
    if (err instanceof StratosClientError) return null
    throw err
  }
}

/** The service did not say whether the user is enrolled. */
export class StatusError extends Error {
  override name = 'StatusError'
  readonly status: number

  constructor(status: number) {
    super(`the service answered ${status}`)
    this.status = status
  }
}

/** Where the service enrolls the user, who then comes back to `appUrl`. */
export function enrollmentUrl(config: Config, did: string, appUrl: string): string {
  const url = new URL('/oauth/authorize', config.serviceUrl)
  url.searchParams.set('handle', did)
  url.searchParams.set('redirect_uri', appUrl)
  return url.href
}

export type EnrollmentReturn = { outcome: 'enrolled' } | { outcome: 'refused'; error: string }

/** Reads how the user came back from enrolling, or null; also returns the address without it, for the history. */
export function readEnrollmentReturn(address: string): { result: EnrollmentReturn | null; address: string } {
  const url = new URL(address)
  const error = url.searchParams.get('error')
  const enrolled = url.searchParams.get('stratos_enrolled') === 'true'
  for (const name of ['stratos_enrolled', 'error', 'error_description']) url.searchParams.delete(name)
  const result: EnrollmentReturn | null =
    error !== null ? { outcome: 'refused', error } : enrolled ? { outcome: 'enrolled' } : null
  return { result, address: url.href }
}
