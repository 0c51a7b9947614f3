import { describe, expect, it } from 'vitest'
import { RateLimitedError, StratosError } from './errors.ts'

describe('StratosError', () => {
  it('carries its code, its name and its cause', () => {
    const cause = new Error('disk full')
    const error = new StratosError('ServiceUnavailable', 'try again later', { cause })
    expect(error).toMatchObject({
      name: 'StratosError',
      code: 'ServiceUnavailable',
      message: 'try again later',
      cause,
    })
    expect(error).toBeInstanceOf(Error)
  })

  it('tells a caller that is too fast how long to wait, rounded up to seconds', () => {
    const error = new RateLimitedError(1_200)
    expect(error).toBeInstanceOf(StratosError)
    expect(error).toMatchObject({ name: 'RateLimitedError', code: 'RateLimitExceeded', retryAfterMs: 1_200 })
    expect(error.message).toContain('2 s')
  })
})
