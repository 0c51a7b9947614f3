import { XRPCError } from '@atproto/api'
import {
  OAuthCallbackError,
  OAuthResolverError,
  TokenInvalidError,
  TokenRefreshError,
  TokenRevokedError,
} from '@atproto/oauth-client-browser'
import { findStratosClientError, StratosServiceError, type StratosClientErrorCode } from 'stratos-client'
import { ConfigError } from './config.ts'
import { StatusError } from './enrollment.ts'
import { HandleResolverError } from './stratos.ts'

const UNREACHABLE = 'The Stratos service cannot be reached. Check your connection and try again.'
const SIGNED_OUT = 'Your session has ended. Please sign in again.'
const TROUBLE = 'The Stratos service has a problem. Please try again in a moment.'

const BY_CLIENT_CODE: Partial<Record<StratosClientErrorCode, string>> = {
  ServiceUnreachable: UNREACHABLE,
  ServiceMismatch: 'The Stratos service names an identity that is not its own, so nothing was sent to it.',
  InvalidServiceUrl: 'This app is not set up: the address of its Stratos service is not valid.',
  PdsUnreachable: 'Your PDS cannot be reached. Check your connection and try again.',
  PdsRequestFailed: 'Your PDS did not confirm who you are. Please try again in a moment.',
  MissingScope: 'This sign-in does not cover the Stratos service. Please sign out and sign in again.',
  SessionRefused: 'The Stratos service did not accept your sign-in. Please sign out and sign in again.',
}

const BY_SERVER_ERROR: Readonly<Record<string, string>> = {
  NotEnrolled: 'You are not enrolled with this Stratos service. Enroll first, then try again.',
  ForbiddenBoundary: 'You may not post to one of these boundaries any more.',
  ServiceMismatch: 'One of these boundaries belongs to another Stratos service.',
  InvalidRecord: 'The service did not accept this post. Check its length and its boundaries.',
  InvalidMimeType: 'A picture is not what its name says, or of a kind that the service does not take.',
  PayloadTooLarge: 'A picture is too large for the Stratos service.',
  QuotaExceeded: 'You have no room left for pictures. Delete posts with pictures first.',
  InsufficientStorage: 'The Stratos service has no room left for pictures.',
  BlobNotFound: 'A picture is gone again. Please attach it anew.',
  RecordNotFound: 'This post is not there.',
  PostNotFound: 'This post is not there.',
  RepoNotFound: 'There is nothing to see here.',
  SessionRequired: 'The Stratos service does not know this browser any more. Please reload the page.',
}

/**
 * Says in plain words why something failed.
 *
 * Says the same about what is missing and what is hidden.
 */
export function explainFailure(error: unknown): string {
  const client = findStratosClientError(error)
  if (client !== null) return BY_CLIENT_CODE[client.code] ?? `That did not work: ${client.message}.`
  const chain = causesOf(error)
  if (chain.some(isSessionEnd)) return SIGNED_OUT
  if (error instanceof OAuthCallbackError) return explainRefusedSignIn(error)
  if (error instanceof OAuthResolverError) return explainUnknownAccount(chain)
  if (error instanceof ConfigError) return `This app is not set up: ${error.message}.`
  if (error instanceof HandleResolverError) return 'Handles cannot be looked up right now. Please try again.'
  if (error instanceof StatusError) return explainStatus(error.status)
  if (chain.some(isNetworkFailure)) return UNREACHABLE
  if (error instanceof XRPCError) return explainXrpc(error)
  return 'Something went wrong. Please try again.'
}

/** Says why the timeline cannot be shown, which is kept elsewhere than the posts themselves. */
export function explainTimelineFailure(error: unknown): string {
  if (error instanceof StratosServiceError) {
    if (error.status === 429 || error.status >= 500)
      return 'The timeline has a problem. It is tried again in a moment.'
    return BY_SERVER_ERROR[error.error] ?? 'The timeline did not accept this. Please reload the page.'
  }
  const isAway = findStratosClientError(error)?.code === 'ServiceUnreachable'
  return isAway ? 'The timeline cannot be reached. It is tried again in a moment.' : explainFailure(error)
}

/** Says why the service sent the user back without enrolling them. */
export function explainRefusedEnrollment(error: string): string {
  if (error === 'access_denied') return 'You were not enrolled, because access was not allowed on your PDS.'
  if (/denied|allowlist/i.test(error)) {
    return 'This Stratos service does not take your account. Ask its operator for access.'
  }
  return 'Enrolling did not work. Please try again.'
}

function explainRefusedSignIn(error: OAuthCallbackError): string {
  return error.params.get('error') === 'access_denied'
    ? 'You were not signed in, because access was not allowed.'
    : 'Signing in did not work. Please try again.'
}

function explainUnknownAccount(chain: Error[]): string {
  return chain.some(isNetworkFailure)
    ? 'This account’s server cannot be reached. Check your connection and try again.'
    : 'There is no account with this handle. Check the spelling.'
}

function explainXrpc(error: XRPCError): string {
  return BY_SERVER_ERROR[error.error] ?? explainStatus(error.status, error.headers?.['retry-after'])
}

function explainStatus(status: number, retryAfter?: string): string {
  if (status === 429)
    return `That was too fast for the Stratos service. Try again in ${formatWait(retryAfter)}.`
  if (status === 401) return SIGNED_OUT
  if (status === 404) return 'This is not there.'
  if (status === 413) return 'This is too large for the Stratos service.'
  if (status >= 500) return TROUBLE
  // Agents use 1 for requests without an answer.
  if (status < 100) return UNREACHABLE
  return 'The Stratos service did not accept this. Please reload the page and try again.'
}

function formatWait(retryAfter: string | undefined): string {
  if (retryAfter === undefined || !/^\d+$/.test(retryAfter)) return 'a moment'
  const seconds = Math.max(1, Number(retryAfter))
  return seconds === 1 ? 'a second' : `${seconds} seconds`
}

function isSessionEnd(error: Error): boolean {
  return [TokenInvalidError, TokenRefreshError, TokenRevokedError].some((type) => error instanceof type)
}

// fetch fails with a TypeError, a timeout with a DOMException.
function isNetworkFailure(error: Error): boolean {
  return error instanceof TypeError || error instanceof DOMException
}

function causesOf(error: unknown): Error[] {
  const found: Error[] = []
  for (let current = error; current instanceof Error && found.length < 8; current = current.cause) {
    found.push(current)
  }
  return found
}
