/** The answer to "may this viewer do that?". A denial is a value, not an error: the caller decides how to render it. */
export type Decision = { readonly allow: true } | { readonly allow: false; readonly reason: DenyReason }

/** Why a request was denied. For logs and tests; a denied read must not let its reason out. */
export type DenyReason =
  | 'not-signed-in'
  | 'not-enrolled'
  | 'not-owner'
  | 'not-a-reader'
  | 'taken-down'
  | 'no-boundary'
  | 'no-shared-boundary'

export const ALLOW: Decision = { allow: true }

export function deny(reason: DenyReason): Decision {
  return { allow: false, reason }
}
