import { expect, it } from 'vitest'
import { networkOf } from './network-of.ts'

it.each([
  ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', true],
  ['2001:db8::1', '2001:DB8:0:0:0:0:0:2', true],
  ['2001:0db8::1', '2001:db8::1', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['::1', '::2', true],
  ['fe80::1%eth0', 'fe80::2', true],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ['192.0.2.1', '192.0.2.10', false],
])('%s and %s are one sender: %s', (a, b, same) => {
  expect(networkOf(a) === networkOf(b)).toBe(same)
})
