import { readJsonObject } from './bounded-body.ts'

const MAX_ERROR_BYTES = 64 * 1024

/** Every error name that the methods of a service document. */
export const STRATOS_ERROR_NAMES = [
  'AuthenticationRequired',
  'BlobNotFound',
  'ConcurrentModification',
  'ConsumerTooSlow',
  'EnrollmentDenied',
  'Forbidden',
  'ForbiddenBoundary',
  'FutureCursor',
  'InsufficientScope',
  'InsufficientStorage',
  'InvalidCar',
  'InvalidCollection',
  'InvalidMimeType',
  'InvalidRecord',
  'InvalidRequest',
  'InvalidSwap',
  'KeyInUse',
  'NotEnrolled',
  'NotFound',
  'PayloadTooLarge',
  'PdsUnreachable',
  'PostNotFound',
  'QuotaExceeded',
  'RangeNotSatisfiable',
  'RateLimitExceeded',
  'RecordAlreadyExists',
  'RecordBlocked',
  'RecordNotFound',
  'RepoAlreadyExists',
  'RepoNotFound',
  'ServiceMismatch',
  'ServiceUnavailable',
  'SessionRequired',
  'TooManyUris',
  'UnbalancedRepo',
  'UnsupportedEncoding',
  'invalid_dpop_proof',
  'use_dpop_nonce',
] as const

export type StratosErrorName = (typeof STRATOS_ERROR_NAMES)[number]

/** A service's own refusal, by the helpers of this package that call it. */
export class StratosServiceError extends Error {
  override name = 'StratosServiceError'
  /** The name in the answer; a newer service may know more than the documented ones. */
  readonly error: StratosErrorName | (string & {})
  /** HTTP status. */
  readonly status: number
  /** How long to wait before the next attempt, if the service said so. */
  readonly retryAfterMs: number | null

  constructor(error: string, message: string, answer: { status: number; retryAfterMs: number | null }) {
    super(message)
    this.error = error
    this.status = answer.status
    this.retryAfterMs = answer.retryAfterMs
  }
}

/**
 * Whether an error is a certain refusal of a service, whichever client library reports it: {@link StratosServiceError},
 * `XRPCError` of `@atproto/api` or `ClientResponseError` of `@atcute/client`.
 */
export function isStratosError(error: unknown, name: StratosErrorName): boolean {
  return error instanceof Error && 'error' in error && error.error === name
}

/** Reads the refusal in an answer that is not 2xx. */
export async function readServiceError(response: Response): Promise<StratosServiceError> {
  const body = await readJsonObject(response, MAX_ERROR_BYTES)
  const name = typeof body?.['error'] === 'string' ? body['error'] : `Http${response.status}`
  const message =
    typeof body?.['message'] === 'string' ? body['message'] : `the service answered ${response.status}`
  return new StratosServiceError(name, message, {
    status: response.status,
    retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
  })
}

/**
 * Reads a `Retry-After` header, in seconds or as a date.
 *
 * @returns milliseconds from now, 0 or more; null if there is none that can be read
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfter(value: string | null): number | null {
  if (value === null) return null
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now())
}
