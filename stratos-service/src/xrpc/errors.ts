import { l } from '@atproto/lex'
import { XRPCError } from '@atproto/xrpc-server'
import { RateLimitedError, StratosError, type ErrorCode } from 'stratos-core'

interface WireError {
  readonly status: number
  readonly name: string
}

/** How each outcome looks on the wire. A new code does not compile until it has a line here. */
const WIRE: Readonly<Record<ErrorCode, WireError>> = {
  InvalidRequest: { status: 400, name: 'InvalidRequest' },
  InvalidRecord: { status: 400, name: 'InvalidRecord' },
  InvalidCollection: { status: 400, name: 'InvalidCollection' },
  ServiceMismatch: { status: 400, name: 'ServiceMismatch' },
  ForbiddenBoundary: { status: 400, name: 'ForbiddenBoundary' },
  RecordNotFound: { status: 404, name: 'RecordNotFound' },
  RepoNotFound: { status: 404, name: 'RepoNotFound' },
  RecordAlreadyExists: { status: 400, name: 'RecordAlreadyExists' },
  InvalidSwap: { status: 400, name: 'InvalidSwap' },
  ConcurrentModification: { status: 400, name: 'ConcurrentModification' },
  UnbalancedRepo: { status: 400, name: 'UnbalancedRepo' },
  NotEnrolled: { status: 400, name: 'NotEnrolled' },
  EnrollmentDenied: { status: 403, name: 'EnrollmentDenied' },
  AuthenticationRequired: { status: 401, name: 'AuthenticationRequired' },
  SessionRequired: { status: 401, name: 'SessionRequired' },
  KeyInUse: { status: 409, name: 'KeyInUse' },
  UseDpopNonce: { status: 401, name: 'use_dpop_nonce' },
  InvalidDpopProof: { status: 401, name: 'invalid_dpop_proof' },
  InsufficientScope: { status: 403, name: 'InsufficientScope' },
  Forbidden: { status: 403, name: 'Forbidden' },
  RateLimitExceeded: { status: 429, name: 'RateLimitExceeded' },
  TooManyUris: { status: 400, name: 'TooManyUris' },
  BlobNotFound: { status: 404, name: 'BlobNotFound' },
  InvalidMimeType: { status: 400, name: 'InvalidMimeType' },
  UnsupportedEncoding: { status: 415, name: 'UnsupportedEncoding' },
  QuotaExceeded: { status: 507, name: 'QuotaExceeded' },
  InsufficientStorage: { status: 507, name: 'InsufficientStorage' },
  RangeNotSatisfiable: { status: 416, name: 'RangeNotSatisfiable' },
  NotFound: { status: 404, name: 'NotFound' },
  PdsUnreachable: { status: 502, name: 'PdsUnreachable' },
  ServiceUnavailable: { status: 503, name: 'ServiceUnavailable' },
  PayloadTooLarge: { status: 413, name: 'PayloadTooLarge' },
  FutureCursor: { status: 400, name: 'FutureCursor' },
  RecordBlocked: { status: 404, name: 'RecordBlocked' },
  InvalidCar: { status: 400, name: 'InvalidCar' },
  RepoAlreadyExists: { status: 400, name: 'RepoAlreadyExists' },
}

/** Status and name of an outcome, for those who answer without the XRPC server. */
export function wireErrorOf(code: ErrorCode): WireError {
  return WIRE[code]
}

/** Headers that go with an outcome, such as when to come back. */
export function headersOf(err: StratosError): Readonly<Record<string, string>> {
  if (err instanceof RateLimitedError) {
    return {
      'Retry-After': String(Math.ceil(err.retryAfterMs / 1000)),
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': String(Math.ceil((Date.now() + err.retryAfterMs) / 1000)),
    }
  }
  return err.code === 'ServiceUnavailable' ? { 'Retry-After': '1' } : {}
}

/** Turns whatever was thrown into what the XRPC server sends. Unknown errors become a 500 without detail. */
export function toXrpcError(err: unknown): XRPCError {
  if (err instanceof StratosError) {
    const { status, name } = WIRE[err.code]
    return new XRPCError(status, err.message, name, { cause: err })
  }
  const known = XRPCError.fromError(err)
  if (isAboutRecord(known.cause)) return toXrpcError(new StratosError('InvalidRecord', known.message))
  if (isTooManyUris(known.cause)) return toXrpcError(new StratosError('TooManyUris', known.message))
  // Body parsers name their errors after exception classes; the wire has one name for each status.
  const fromParser = known.cause instanceof Error && 'expose' in known.cause
  return fromParser ? new XRPCError(known.statusCode, known.errorMessage) : known
}

function isTooManyUris(cause: unknown): boolean {
  return (
    cause instanceof l.LexValidationError &&
    cause.issues.some(({ path, code }) => path[0] === 'uris' && path.length === 1 && code === 'too_big')
  )
}

/** What the parser of a body finds wrong inside its record is said of the record. */
function isAboutRecord(cause: unknown): boolean {
  return cause instanceof l.LexValidationError && cause.issues.every(({ path }) => path[0] === 'record')
}
