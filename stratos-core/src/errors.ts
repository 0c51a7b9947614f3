/** Every way in which Stratos says no. The service maps each code to one HTTP status; the names are part of the API. */
export const ERROR_CODES = [
  'InvalidRequest',
  'InvalidRecord',
  'InvalidCollection',
  'ServiceMismatch',
  'ForbiddenBoundary',
  'RecordNotFound',
  'RepoNotFound',
  'RecordAlreadyExists',
  'InvalidSwap',
  'ConcurrentModification',
  'UnbalancedRepo',
  'NotEnrolled',
  'EnrollmentDenied',
  'AuthenticationRequired',
  'SessionRequired',
  'KeyInUse',
  'UseDpopNonce',
  'InvalidDpopProof',
  'Forbidden',
  'InsufficientScope',
  'RateLimitExceeded',
  'TooManyUris',
  'BlobNotFound',
  'InvalidMimeType',
  'UnsupportedEncoding',
  'QuotaExceeded',
  'InsufficientStorage',
  'RangeNotSatisfiable',
  'NotFound',
  'PdsUnreachable',
  'ServiceUnavailable',
  'PayloadTooLarge',
  'FutureCursor',
  'RecordBlocked',
  'InvalidCar',
  'RepoAlreadyExists',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/**
 * An outcome that a caller can act on. Its message is written for the person who sent the request and is sent to them as
 * it stands, so it must not contain anything they may not know.
 */
export class StratosError extends Error {
  override name = 'StratosError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Too many writes in too short a time. */
export class RateLimitedError extends StratosError {
  override name = 'RateLimitedError'
  /** How long to wait before the next attempt. */
  readonly retryAfterMs: number

  constructor(retryAfterMs: number) {
    super('RateLimitExceeded', `too many requests; try again in ${Math.ceil(retryAfterMs / 1000)} s`)
    this.retryAfterMs = retryAfterMs
  }
}
