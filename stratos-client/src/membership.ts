/**
 * A user's membership with a service: how it begins, what the service says about it, and how it ends.
 */
import { callStratos, type StratosAccess } from './call.ts'
import type { StratosEnrollment } from './enrollment.ts'
import { parseServiceUrl } from './routing.ts'
import { fetchServiceDid } from './service-identity.ts'
import type { ZoneAnswer } from './zone-methods.ts'

/** What a service says about an account; see the lexicon `zone.stratos.enrollment.status`. */
export type EnrollmentStatus = ZoneAnswer<'zone.stratos.enrollment.status'>

/** How a user came back from enrolling. `error` is `access_denied`, `EnrollmentDenied` or the like. */
export type EnrollmentReturn =
  { outcome: 'enrolled' } | { outcome: 'refused'; error: string; description: string | null }

export interface EnrollmentStart {
  /** Handle or DID of the user. */
  handle: string
  /** Where the user comes back to; its origin must be on the operator's list. Without it, the service shows the outcome. */
  redirectUri?: string
}

/**
 * Makes the address of the page where a user enrolls. Go there as a page (`location.assign`); it answers no `fetch`.
 *
 * @throws {StratosClientError} `InvalidServiceUrl`
 */
export function buildEnrollmentUrl(serviceUrl: string, { handle, redirectUri }: EnrollmentStart): string {
  const url = new URL('/oauth/authorize', parseServiceUrl(serviceUrl))
  url.searchParams.set('handle', handle)
  if (redirectUri !== undefined) url.searchParams.set('redirect_uri', redirectUri)
  return url.href
}

/**
 * Reads how the user came back from enrolling.
 *
 * Anybody can make such an address: ask {@link fetchEnrollmentStatus} before relying on it.
 *
 * @param address where the user arrived, with its query
 * @returns `result`, null if this is not a return from enrolling; and the address without it, for the browser's history
 */
export function parseEnrollmentReturn(address: string): { result: EnrollmentReturn | null; address: string } {
  const url = new URL(address)
  const { searchParams: query } = url
  const error = query.get('error')
  const description = query.get('error_description')
  const enrolled = query.get('stratos_enrolled') === 'true'
  for (const name of ['stratos_enrolled', 'error', 'error_description']) query.delete(name)
  const result: EnrollmentReturn | null =
    error !== null ? { outcome: 'refused', error, description } : enrolled ? { outcome: 'enrolled' } : null
  return { result, address: url.href }
}

/**
 * Asks a service whether an account is enrolled. The account itself, asked for as itself, is told everything.
 *
 * @throws as {@link callStratos}
 */
export async function fetchEnrollmentStatus(
  access: StratosAccess,
  did: string,
  signal?: AbortSignal,
): Promise<EnrollmentStatus> {
  return callStratos(access, 'zone.stratos.enrollment.status', { params: { did }, signal })
}

/**
 * Ends the user's enrollment. Everything they keep on this service is deleted, their stubs too. It cannot be undone:
 * {@link exportRepo} first.
 *
 * @throws {StratosServiceError} `NotEnrolled`, and as {@link callStratos}
 */
export async function unenroll(access: StratosAccess, signal?: AbortSignal): Promise<void> {
  await callStratos(access, 'zone.stratos.enrollment.unenroll', { input: {}, signal })
}

/** What to choose a service by. The first one of these that is given decides. */
export interface ServiceChoice {
  /** The one service where records behind this boundary can be. */
  boundary?: string
  /** Base URL of the service the user chose before. */
  serviceUrl?: string
}

/**
 * Chooses one of a user's services.
 *
 * @param enrollments from {@link discoverEnrollments}
 * @returns null if none fits; without a choice, the first one
 */
export function chooseEnrollment(
  enrollments: readonly StratosEnrollment[],
  { boundary, serviceUrl }: ServiceChoice = {},
): StratosEnrollment | null {
  const fits = ({ service, boundaries }: StratosEnrollment): boolean => {
    if (boundary !== undefined) return boundaries.some(({ value }) => value === boundary)
    return serviceUrl === undefined || new URL(service).origin === parseServiceUrl(serviceUrl).origin
  }
  return enrollments.find(fits) ?? null
}

/**
 * Looks up the DID of the service that an enrollment names.
 *
 * @throws as {@link fetchServiceDid}
 */
export async function fetchEnrollmentServiceDid(
  enrollment: StratosEnrollment,
  fetchFn: typeof globalThis.fetch = globalThis.fetch,
): Promise<string> {
  return fetchServiceDid(enrollment.service, fetchFn)
}
