import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { clientAddress } from './client-address.ts'

const request = (forwarded?: string) =>
  ({
    socket: { remoteAddress: '10.0.0.1' },
    headers: { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage

describe('the address of a client', () => {
  it.each([
    ['no proxy is trusted', 0, '1.1.1.1', '10.0.0.1'],
    ['there is nothing to read', 1, undefined, '10.0.0.1'],
    ['one proxy has added what it saw', 1, 'made-up, 1.1.1.1', '1.1.1.1'],
    ['the outer of two proxies has', 2, 'made-up, 1.1.1.1, 10.0.0.2', '1.1.1.1'],
    ['the proxy adds the port', 1, 'made-up, 1.1.1.1:4711', '1.1.1.1'],
    ['it brackets an IPv6 address', 1, '[2001:db8::1]', '2001:db8::1'],
    ['it does, with a port', 1, '[2001:db8::1]:4711', '2001:db8::1'],
    ['it does not bracket it', 1, '2001:db8::1', '2001:db8::1'],
    ['there is nothing but a port', 1, 'made-up, ', '10.0.0.1'],
    ['fewer hops are listed than proxies', 2, '1.1.1.1', '10.0.0.1'],
  ])('when %s', (_case, proxies, forwarded, expected) => {
    expect(clientAddress(request(forwarded), proxies)).toBe(expected)
  })
})
