import type { ErrorCode, StratosError } from 'stratos-core'
import { PROOF_ALGORITHMS } from './proof-key.ts'
import type { Credential } from './credentials.ts'

/** The header through which clients learn the nonce of their next proof. */
export const NONCE_HEADER = 'DPoP-Nonce'
export const CHALLENGE_HEADER = 'WWW-Authenticate'

const DPOP = `DPoP algs="${PROOF_ALGORITHMS.join(' ')}"`
const BEARER = 'Bearer realm="stratos"'

/** Without a code of ours: what to present, by what was presented. */
const CHALLENGES: Readonly<Record<Credential['scheme'], string>> = {
  // DPoP comes first: clients look at the beginning of the header.
  none: `${DPOP}, ${BEARER}`,
  dpop: DPOP,
  bearer: BEARER,
  basic: 'Basic realm="stratos", charset="UTF-8"',
}

/**
 * `invalid_token` is not among them and must never be. The OAuth client of AT Protocol answers it by renewing the user's
 * session with their PDS, and by deleting that session when it hears it again: refusing a request here would sign people
 * out of their application.
 */
const DPOP_ERRORS: Partial<Record<ErrorCode, string>> = {
  UseDpopNonce: 'use_dpop_nonce',
  InvalidDpopProof: 'invalid_dpop_proof',
  SessionRequired: 'session_required',
  InsufficientScope: 'insufficient_scope',
}

/**
 * The `WWW-Authenticate` value that belongs to a refusal.
 *
 * @param presented the scheme of the credential that was refused, `basic` where an administrator is asked for
 * @returns null if the error is not a question of authentication
 * @see https://www.rfc-editor.org/rfc/rfc9449#section-7.1
 */
export function challengeFor(error: StratosError, presented: Credential['scheme']): string | null {
  const code = DPOP_ERRORS[error.code]
  if (code !== undefined) return `DPoP error="${code}", error_description="${quotable(error.message)}"`
  return error.code === 'AuthenticationRequired' ? CHALLENGES[presented] : null
}

/** Leaves only what may stand in a description (RFC 6749, section 5.2). */
function quotable(text: string): string {
  return text.replace(/["\\]/g, "'").replace(/[^ -~]/g, '?')
}
