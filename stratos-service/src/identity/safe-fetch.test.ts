import dns from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FetchGate } from './fetch-gate.ts'
import { createSafeFetch } from './safe-fetch.ts'

const gate = new FetchGate({ total: 20, perHost: 4, maxWaiting: 100, trustedHosts: new Set() })
const strict = createSafeFetch({ allowPrivateAddresses: false, userAgent: 'test', gate })
const local = createSafeFetch({ allowPrivateAddresses: true, userAgent: 'test', gate })

/** What names resolve to: a stand-in for a name server that an attacker runs. */
const names = new Map<string, string>()
const realLookup = dns.lookup
let connections = 0
const server = createServer((req, res) => {
  if (req.url?.startsWith('/redirect') === true) res.writeHead(302, { location: '/target' }).end()
  else if (req.url === '/large') res.end(Buffer.alloc(300 * 1024))
  else res.end('reached')
}).on('connection', () => {
  connections += 1
})
let origin = ''
let port = 0

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  origin = `http://127.0.0.1:${port}`
  const lookup = (host: string, options: { all?: boolean }, callback: (...args: unknown[]) => void) => {
    const address = names.get(host)
    if (address === undefined) return (realLookup as (...args: unknown[]) => void)(host, options, callback)
    const family = address.includes(':') ? 6 : 4
    process.nextTick(() =>
      options.all === true ? callback(null, [{ address, family }]) : callback(null, address, family),
    )
  }
  dns.lookup = lookup as typeof dns.lookup
  syncBuiltinESMExports()
})
afterAll(() => {
  dns.lookup = realLookup
  syncBuiltinESMExports()
  server.close()
})
beforeEach(() => {
  connections = 0
})

describe('SafeFetch', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    '0.0.0.0',
    '::',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
  ])('SSR-001: connects to nobody for a name that resolves to %s', async (address) => {
    names.set('evil.example.org', address)
    const failure = await strict(`https://evil.example.org:${port}/`).catch((err: unknown) => err)
    const cause = failure instanceof Error ? failure.cause : undefined
    expect(String(cause)).toContain('non-unicast')
    expect(connections).toBe(0)
  })

  it.each([
    ['OAU-015: an address', () => `https://127.0.0.1:${port}/`],
    ['OAU-015: an IPv6 address', () => `https://[::1]:${port}/`],
    ['an address written as a number', () => `https://2130706433:${port}/`],
    ['an address written in octal', () => `https://0177.0.0.1:${port}/`],
    ['the name of this machine', () => `https://localhost:${port}/`],
    ['http', () => `http://example.com:${port}/`],
    ['SSR-003: a file', () => 'file:///etc/passwd'],
    ['data in the address', () => 'data:text/plain,x'],
    ['SSR-005: a user', () => `https://user:secret@example.org:${port}/`],
  ])('refuses %s', async (_what, url) => {
    await expect(strict(url())).rejects.toThrow()
    expect(connections).toBe(0)
  })

  it.each(['follow', 'error', undefined] as const)(
    'SSR-003: goes where a redirect leads for nobody (%s)',
    async (redirect) => {
      await expect(local(`${origin}/redirect`, redirect === undefined ? {} : { redirect })).rejects.toThrow()
      const shown = await local(`${origin}/redirect`, { redirect: 'manual' })
      expect([shown.status, await shown.text()]).toEqual([302, ''])
    },
  )

  it('takes no more than 256 KiB', async () => {
    await expect(local(`${origin}/large`)).rejects.toThrow()
  })

  it('reaches loopback where that is permitted', async () => {
    const answer = await local(`${origin}/`)
    expect([await answer.text(), answer.url]).toEqual(['reached', `${origin}/`])
  })
})
