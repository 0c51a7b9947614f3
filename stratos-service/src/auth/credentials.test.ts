import { describe, expect, it } from 'vitest'
import { headerValues, readCredential } from './credentials.ts'

describe('readCredential', () => {
  it.each([
    ['Bearer abc', 'bearer', 'abc'],
    ['bearer abc', 'bearer', 'abc'],
    ['DPoP a.b-c_d~e+f/g==', 'dpop', 'a.b-c_d~e+f/g=='],
    ['dpop abc', 'dpop', 'abc'],
    ['DPOP abc', 'dpop', 'abc'],
    ['Basic YWRtaW46eA==', 'basic', 'YWRtaW46eA=='],
  ])('reads %s', (value, scheme, token) => {
    expect(readCredential(['Host', 'x', 'Authorization', value])).toEqual({ scheme, token })
  })

  it('finds none where there is none', () => {
    expect(readCredential(['Host', 'x', 'X-Authorization', 'Bearer abc'])).toEqual({ scheme: 'none' })
  })

  it.each([
    '',
    'Bearer',
    'Bearer ',
    'Bearer  abc',
    'Bearer\tabc',
    ' Bearer abc',
    'Bearer abc ',
    'Bearer abc def',
    'DPoP a, DPoP b',
    'DPoP a,DPoP b',
    'Bearer token="abc"',
    'Bearer a=b',
    'Bearer abc\n',
    'Bearer äbc',
    'abc',
    'Digest abc',
    'Bearer: abc',
    `Bearer ${'a'.repeat(8192)}`,
  ])('refuses %j', (value) => {
    expect(() => readCredential(['authorization', value])).toThrow(
      expect.objectContaining({ code: 'AuthenticationRequired' }),
    )
  })

  it('refuses two headers, even if they agree or are spelled differently', () => {
    const twice = ['Authorization', 'Bearer abc', 'AUTHORIZATION', 'Bearer abc']
    expect(() => readCredential(twice)).toThrow(expect.objectContaining({ code: 'AuthenticationRequired' }))
  })
})

describe('headerValues', () => {
  it('lists every value of a header in order', () => {
    const raw = ['DPoP', 'a', 'Host', 'dpop', 'dpop', 'b', 'DPOPX', 'c', 'DPoP', '']
    expect(headerValues(raw, 'dpop')).toEqual(['a', 'b', ''])
  })
})
