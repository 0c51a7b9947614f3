import { XRPCError } from '@atproto/api'
import { OAuthCallbackError, TokenRevokedError } from '@atproto/oauth-client-browser'
import { StratosClientError } from 'stratos-client'
import { expect, it } from 'vitest'
import { ConfigError } from './config.ts'
import { StatusError } from './enrollment.ts'
import { explainFailure, explainRefusedEnrollment } from './failure.ts'

const wrapped = (cause: Error) => XRPCError.from(cause)
const refused = () =>
  Object.assign(new Error('Connection refused', { cause: new TypeError('fetch failed') }), {
    statusCode: 502,
  })
const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'

it.each<[string, unknown, RegExp]>([
  ['not enrolled', new XRPCError(400, 'NotEnrolled'), /not enrolled/],
  ['a boundary of others', new XRPCError(403, 'ForbiddenBoundary'), /may not post/],
  ['too many writes', new XRPCError(429, 'RateLimitExceeded', '', { 'retry-after': '12' }), /in 12 seconds/],
  ['too many writes, no time given', new XRPCError(429, 'RateLimitExceeded'), /in a moment/],
  ['a strange time to wait', new XRPCError(429, 'X', '', { 'retry-after': 'Wed, 21 Oct' }), /in a moment/],
  ['a service that is down', wrapped(new TypeError('fetch failed')), /service cannot be reached/],
  ['a service that is down, as an OAuth session tells it', wrapped(refused()), /service cannot be reached/],
  ['a service with a fault', new XRPCError(500, 'InternalServerError'), /has a problem/],
  ['a session that was revoked', wrapped(new TokenRevokedError(DID)), /session has ended/],
  ['a session the service rejects', new XRPCError(401, 'AuthenticationRequired'), /session has ended/],
  ['a PDS that is down', wrapped(new StratosClientError('PdsUnreachable', 'x')), /Your PDS cannot/],
  ['a sign-in without the scope', wrapped(new StratosClientError('MissingScope', 'x')), /sign in again/],
  ['a post that is too large', new XRPCError(413, 'PayloadTooLarge'), /too large/],
  ['consent refused', new OAuthCallbackError(new URLSearchParams('error=access_denied')), /not allowed/],
  ['a broken sign-in', new OAuthCallbackError(new URLSearchParams('error=server_error')), /Signing in/],
  ['an app without configuration', new ConfigError('/config.json is missing'), /not set up/],
  ['an unclear status', new StatusError(503), /has a problem/],
  ['anything else', new Error('secret detail'), /^Something went wrong/],
  ['something that is no error', 'secret detail', /^Something went wrong/],
])('explains %s', (_, error, text) => {
  expect(explainFailure(error)).toMatch(text)
})

it('says the same about what is missing and what is hidden', () => {
  const [missing, hidden] = [
    new XRPCError(404, 'RecordNotFound'),
    new XRPCError(404, 'RecordNotFound', 'other'),
  ]
  expect(explainFailure(missing)).toBe(explainFailure(hidden))
})

it.each([
  ['access_denied', /not allowed on your PDS/],
  ['EnrollmentDenied', /does not take your account/],
  ['NotInAllowlist', /does not take your account/],
  ['server_error', /did not work/],
])('explains the refusal %s', (error, text) => {
  expect(explainRefusedEnrollment(error)).toMatch(text)
})
