/**
 * What went wrong, for programs:
 *
 * - `InvalidServiceUrl`: the service URL is not an http(s) origin
 * - `ForeignOrigin`: a path would have left the service
 * - `ProxiedWriteRefused`: a repo call carried `atproto-proxy`; a PDS would answer it itself, in public
 * - `UnknownSessionKind`: neither an OAuth nor an app-password session, and `options.auth` does not say which
 * - `BodyTooLarge`: a streamed request body is longer than can be kept for repeating
 * - `ServiceUnreachable`: the service did not answer, or not with what the protocol promises
 * - `ServiceMismatch`: the service at this URL claims a DID that is not its own
 * - `SessionRefused`: the service did not accept the proof of who the user is
 * - `MissingScope`: the OAuth session was not granted the right to identify the user to this service
 * - `NotAStratosService`: the server at this URL does not call itself a Stratos service, so nothing is written there
 * - `MissingBoundary`: a private post without a usable boundary, or another record whose boundary cannot be used
 * - `DidNotResolved`: a DID has no document, or none that can be used
 * - `InvalidAttestation`: the service does not attest to what an enrollment claims
 * - `VerificationFailed`: what a service sent is not what it claims to be; it was tampered with, or the service is at fault
 * - `VerificationTooWeak`: what could be shown is less than the caller asked for
 * - `StreamFailed`: an event stream ended for a reason that connecting again does not mend; see `serverError`
 * - `PdsUnreachable`: the user's PDS did not answer
 * - `PdsRequestFailed`: the user's PDS answered with an error, or not with what the protocol promises
 */
export type StratosClientErrorCode =
  | 'InvalidServiceUrl'
  | 'ForeignOrigin'
  | 'ProxiedWriteRefused'
  | 'UnknownSessionKind'
  | 'BodyTooLarge'
  | 'ServiceUnreachable'
  | 'ServiceMismatch'
  | 'SessionRefused'
  | 'MissingScope'
  | 'NotAStratosService'
  | 'MissingBoundary'
  | 'DidNotResolved'
  | 'InvalidAttestation'
  | 'VerificationFailed'
  | 'VerificationTooWeak'
  | 'StreamFailed'
  | 'PdsUnreachable'
  | 'PdsRequestFailed'

/** Where a failure came from, when another server reported it. */
export interface StratosClientErrorOptions extends ErrorOptions {
  /** HTTP status of the answer that failed */
  status?: number
  /** the XRPC error name in that answer, such as `RecordNotFound` */
  serverError?: string
}

/** Every failure this package reports by itself. Answers of the service to your own calls are not turned into one. */
export class StratosClientError extends Error {
  override name = 'StratosClientError'
  readonly code: StratosClientErrorCode
  readonly status: number | undefined
  readonly serverError: string | undefined

  constructor(code: StratosClientErrorCode, message: string, options: StratosClientErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.status = options.status
    this.serverError = options.serverError
  }
}

/**
 * Finds the failure of this package behind `error`, or null.
 *
 * `Agent` of `@atproto/api` wraps whatever its fetch handler throws in an `XRPCError`; the original is its `cause`.
 */
export function findStratosClientError(error: unknown): StratosClientError | null {
  let current = error
  // A chain of causes may be circular; nobody nests this deep on purpose.
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if (current instanceof StratosClientError) return current
    current = current.cause
  }
  return null
}
