import { ANONYMOUS, parseDid } from 'stratos-core'
import { expect, it } from 'vitest'
import { ReadRates } from './read-rates.ts'

it('counts accounts, services and the networks of nobody in particular apart, and operators not at all', () => {
  const rates = new ReadRates({ perAccount: 2, perNetwork: 1, perService: 3 }, () => 0)
  const did = parseDid('did:plc:44ybard66vv44zksje25o7dz')
  const user = { kind: 'user', did, enrolled: true, boundaries: new Set<string>() } as const
  const service = { kind: 'service', did } as const
  const left = (viewer: Parameters<ReadRates['charge']>[0], address = '192.0.2.1') =>
    rates.charge(viewer, address)?.remaining
  expect([left(user), left(user, '192.0.2.2')]).toEqual([1, 0])
  expect(() => left(user, '192.0.2.3')).toThrow(expect.objectContaining({ code: 'RateLimitExceeded' }))
  expect([left(service), left(service), left(service)]).toEqual([2, 1, 0])
  expect(left(ANONYMOUS, '2001:db8::1')).toBe(0)
  expect(() => left(ANONYMOUS, '2001:db8::2')).toThrow(expect.objectContaining({ code: 'RateLimitExceeded' }))
  expect(left(ANONYMOUS)).toBe(0)
  expect(left({ kind: 'operator', name: 'admin' })).toBeUndefined()
})
