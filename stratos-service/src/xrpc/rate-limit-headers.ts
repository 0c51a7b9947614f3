import type { RateAllowance } from 'stratos-core'

/** Says what is left to the caller, in the headers that PDSes use for it. */
export function setRateLimitHeaders(
  { limit, windowMs, remaining, resetAfterMs }: RateAllowance,
  setHeader: (name: string, value: string) => void,
): void {
  setHeader('RateLimit-Limit', String(limit))
  setHeader('RateLimit-Remaining', String(remaining))
  setHeader('RateLimit-Reset', String(Math.ceil((Date.now() + resetAfterMs) / 1000)))
  setHeader('RateLimit-Policy', `${limit};w=${Math.ceil(windowMs / 1000)}`)
}
