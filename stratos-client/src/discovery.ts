import { serviceDidToRkey } from 'stratos-core'
import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { parseEnrollment, type StratosEnrollment } from './enrollment.ts'
import { StratosClientError } from './errors.ts'
import { isAbort, isNetworkFailure } from './network-failure.ts'
import type { FetchHandler } from './routing.ts'
import { STRATOS_SCOPES } from './scopes.ts'

const PAGE_SIZE = 100
// Nobody is enrolled with this many services; a PDS that never stops paging is broken.
const MAX_PAGES = 100
const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** The user's PDS: its URL, or a handler that sends relative paths there. */
export type PdsAccess = string | FetchHandler

export interface DiscoveryOptions {
  /** Gives up when it is aborted, as when the user switches accounts; the promise then rejects with its reason. */
  signal?: AbortSignal
  /** For a PDS given by its URL; the platform's by default. */
  fetchFn?: typeof globalThis.fetch
}

/**
 * Lists the enrollments a user has published, in the order of their PDS.
 *
 * Records that are not valid enrollments are left out. An enrollment is the *user's* claim; this does not check its
 * attestation.
 *
 * @throws {StratosClientError} `PdsUnreachable` or `PdsRequestFailed`; "not enrolled" is an empty list
 */
export async function discoverEnrollments(
  did: string,
  pds: PdsAccess,
  options: DiscoveryOptions = {},
): Promise<StratosEnrollment[]> {
  const call = openPds(pds, options)
  const enrollments: StratosEnrollment[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({
      repo: did,
      collection: STRATOS_SCOPES.enrollment,
      limit: String(PAGE_SIZE),
    })
    if (cursor !== undefined) query.set('cursor', cursor)
    const answer = await getJson(call, 'com.atproto.repo.listRecords', query)
    if (!Array.isArray(answer['records'])) throw unexpectedAnswer('com.atproto.repo.listRecords')
    enrollments.push(...answer['records'].flatMap((entry) => parseEntry(did, entry) ?? []))
    const next = answer['cursor']
    if (typeof next !== 'string' || next === cursor || answer['records'].length === 0) return enrollments
    cursor = next
  }
  throw new StratosClientError(
    'PdsRequestFailed',
    `the PDS lists more than ${MAX_PAGES} pages of enrollments`,
  )
}

/**
 * Finds the first enrollment a user has published, or null.
 *
 * @throws {StratosClientError} as {@link discoverEnrollments}
 */
export async function discoverEnrollment(
  did: string,
  pds: PdsAccess,
  options: DiscoveryOptions = {},
): Promise<StratosEnrollment | null> {
  const [first = null] = await discoverEnrollments(did, pds, options)
  return first
}

/**
 * Finds a user's enrollment with one service, or null if there is none or it is not a valid one.
 *
 * @throws {StratosClientError} `PdsUnreachable` or `PdsRequestFailed`
 */
export async function getEnrollmentByServiceDid(
  did: string,
  pds: PdsAccess,
  serviceDid: string,
  options: DiscoveryOptions = {},
): Promise<StratosEnrollment | null> {
  const rkey = serviceDIDToRkey(serviceDid)
  const query = new URLSearchParams({ repo: did, collection: STRATOS_SCOPES.enrollment, rkey })
  try {
    const answer = await getJson(openPds(pds, options), 'com.atproto.repo.getRecord', query)
    return parseEnrollment(answer['value'], rkey)
  } catch (err) {
    if (err instanceof StratosClientError && err.serverError === 'RecordNotFound') return null
    throw err
  }
}

/** The record key of the enrollment with a service: its DID, where `%3A` becomes `:` because a key may hold no `%`. */
export function serviceDIDToRkey(serviceDid: string): string {
  return serviceDidToRkey(serviceDid)
}

function openPds(pds: PdsAccess, { signal, fetchFn = globalThis.fetch }: DiscoveryOptions): FetchHandler {
  if (typeof pds !== 'string') return (path, init) => pds(path, { ...init, signal })
  return (path, init) => fetchFn(new URL(path, pds), { ...init, signal, credentials: 'omit' })
}

async function getJson(
  call: FetchHandler,
  method: string,
  query: URLSearchParams,
): Promise<Record<string, unknown>> {
  let response: Response
  try {
    response = await call(`/xrpc/${method}?${query}`, { method: 'GET' })
  } catch (err) {
    if (!isNetworkFailure(err) || isAbort(err)) throw err
    throw new StratosClientError('PdsUnreachable', 'the PDS did not answer', { cause: err })
  }
  const body = await readJsonObject(response, MAX_PAGE_BYTES)
  if (!response.ok) {
    const serverError = typeof body?.['error'] === 'string' ? body['error'] : undefined
    const { status } = response
    throw new StratosClientError('PdsRequestFailed', `${method} failed with ${status}`, {
      status,
      serverError,
    })
  }
  if (body === null) throw unexpectedAnswer(method)
  return body
}

function unexpectedAnswer(method: string): StratosClientError {
  return new StratosClientError('PdsRequestFailed', `the answer to ${method} is not what it should be`)
}

function parseEntry(did: string, entry: unknown): StratosEnrollment | null {
  if (!isJsonObject(entry) || typeof entry['uri'] !== 'string') return null
  const prefix = `at://${did}/${STRATOS_SCOPES.enrollment}/`
  if (!entry['uri'].startsWith(prefix)) return null
  return parseEnrollment(entry['value'], entry['uri'].slice(prefix.length))
}
