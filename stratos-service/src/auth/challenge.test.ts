import { ERROR_CODES, StratosError, type ErrorCode } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { challengeFor } from './challenge.ts'

const SCHEMES = ['none', 'bearer', 'dpop', 'basic'] as const

describe('challengeFor', () => {
  it.each<[ErrorCode, (typeof SCHEMES)[number], string]>([
    ['UseDpopNonce', 'dpop', 'DPoP error="use_dpop_nonce", error_description="why"'],
    ['InvalidDpopProof', 'dpop', 'DPoP error="invalid_dpop_proof", error_description="why"'],
    ['SessionRequired', 'dpop', 'DPoP error="session_required", error_description="why"'],
    ['AuthenticationRequired', 'dpop', 'DPoP algs="ES256 ES256K"'],
    ['AuthenticationRequired', 'bearer', 'Bearer realm="stratos"'],
    ['AuthenticationRequired', 'basic', 'Basic realm="stratos", charset="UTF-8"'],
    ['AuthenticationRequired', 'none', 'DPoP algs="ES256 ES256K", Bearer realm="stratos"'],
  ])('answers %s of a %s credential with %s', (code, scheme, challenge) => {
    expect(challengeFor(new StratosError(code, 'why'), scheme)).toBe(challenge)
  })

  it('never says invalid_token, and nothing at all where authentication is not the question', () => {
    const authentication = [
      'AuthenticationRequired',
      'SessionRequired',
      'UseDpopNonce',
      'InvalidDpopProof',
      'InsufficientScope',
    ]
    for (const code of ERROR_CODES) {
      for (const scheme of SCHEMES) {
        const challenge = challengeFor(new StratosError(code, 'error="invalid_token"'), scheme)
        expect(challenge ?? '').not.toContain('error="invalid_token"')
        expect(challenge !== null, code).toBe(authentication.includes(code))
      }
    }
  })

  it('keeps a message from leaving its quotes or the header', () => {
    const error = new StratosError('InvalidDpopProof', 'a"b\\c\r\nX-Evil: 1 ü')
    expect(challengeFor(error, 'dpop')).toBe(
      `DPoP error="invalid_dpop_proof", error_description="a'b'c??X-Evil: 1 ?"`,
    )
  })
})
