import type { WriteAllowance } from 'stratos-core'

/** Says what is left of the caller's writes, in the headers that PDSes use for it. */
export function setRateLimitHeaders(
  { limit, windowMs, remaining, resetAfterMs }: WriteAllowance,
  setHeader: (name: string, value: string) => void,
): void {
  setHeader('RateLimit-Limit', String(limit))
  setHeader('RateLimit-Remaining', String(remaining))
  setHeader('RateLimit-Reset', String(Math.ceil((Date.now() + resetAfterMs) / 1000)))
  setHeader('RateLimit-Policy', `${limit};w=${Math.ceil(windowMs / 1000)}`)
}
