import { describe, expect, it } from 'vitest'
import type { StratosEnrollment } from './enrollment.ts'
import { createServiceFetchHandler, findEnrollmentByService, resolveServiceUrl } from './routing.ts'

interface Call {
  url: string
  init: RequestInit | undefined
}

function recordCalls() {
  const calls: Call[] = []
  const handler = async (url: string, init?: RequestInit) => {
    calls.push({ url, init })
    return new Response('{}')
  }
  return { calls, handler }
}

describe('createServiceFetchHandler', () => {
  it.each([
    [
      '/xrpc/com.atproto.repo.getRecord?repo=did:plc:a&rkey=b%20c',
      'https://s.example/xrpc/com.atproto.repo.getRecord?repo=did:plc:a&rkey=b%20c',
    ],
    ['xrpc/zone.stratos.server.listDomains', 'https://s.example/xrpc/zone.stratos.server.listDomains'],
    ['https://s.example/xrpc/a.b.c', 'https://s.example/xrpc/a.b.c'],
  ])('turns %s into an absolute URL of the service and keeps the query', async (path, url) => {
    const { calls, handler } = recordCalls()
    await createServiceFetchHandler(handler, 'https://s.example/').handle(path)
    expect(calls.map((call) => call.url)).toEqual([url])
  })

  it('hands on method, headers and body, and never follows a redirect', async () => {
    const { calls, handler } = recordCalls()
    const init = { method: 'POST', headers: { a: 'b' }, body: 'text', redirect: 'follow' } as const
    await createServiceFetchHandler(handler, 'https://s.example').handle('/xrpc/a.b.c', init)
    expect(calls[0]?.init).toEqual({ ...init, redirect: 'error' })
  })

  it.each([
    'https://evil.example/xrpc/a.b.c',
    '//evil.example/xrpc/a.b.c',
    '\\\\evil.example/xrpc/a.b.c',
    '/\\evil.example/a',
    'http://s.example/xrpc/a.b.c',
    'https://s.example:8443/xrpc/a.b.c',
    'https://user:secret@s.example/xrpc/a.b.c',
    'https://s.example@evil.example/',
    'data:text/plain,x',
    'http://',
  ])('refuses %s, which does not lead to the service', async (path) => {
    const { calls, handler } = recordCalls()
    const refused = createServiceFetchHandler(handler, 'https://s.example').handle(path)
    await expect(refused).rejects.toMatchObject({ code: 'ForeignOrigin' })
    expect(calls).toEqual([])
  })

  it.each([
    '/xrpc/com.atproto.repo.createRecord',
    '/xrpc/com%2eatproto.repo.createRecord',
    '/x/../xrpc/com.atproto.repo.getRecord?repo=a',
  ])('refuses %s through a PDS proxy, where it would become public', async (path) => {
    const { calls, handler } = recordCalls()
    const init = { headers: { 'Atproto-Proxy': 'did:web:s.example#atproto_pns' } }
    const refused = createServiceFetchHandler(handler, 'https://s.example').handle(path, init)
    await expect(refused).rejects.toMatchObject({ code: 'ProxiedWriteRefused' })
    expect(calls).toEqual([])
  })

  it('lets other methods carry a proxy header', async () => {
    const { calls, handler } = recordCalls()
    const init = { headers: { 'atproto-proxy': 'did:web:s.example#atproto_pns' } }
    await createServiceFetchHandler(handler, 'https://s.example').handle(
      '/xrpc/zone.stratos.repo.createRecord',
      init,
    )
    expect(calls).toHaveLength(1)
  })

  it.each(['', 'stratos.example', 'ftp://s.example', 'javascript:alert(1)', 'https://user:pw@s.example'])(
    'does not take %j for the URL of a service',
    (serviceUrl) => {
      const { handler } = recordCalls()
      expect(() => createServiceFetchHandler(handler, serviceUrl)).toThrow(
        expect.objectContaining({ code: 'InvalidServiceUrl' }),
      )
    },
  )
})

const enrollment = (service: string) => ({ service }) as StratosEnrollment

it('finds the enrollment with a service whatever the trailing slash', () => {
  const [a, b] = [enrollment('https://a.example'), enrollment('https://b.example/')]
  expect(findEnrollmentByService([a, b], 'https://a.example/')).toBe(a)
  expect(findEnrollmentByService([a, b], 'https://b.example')).toBe(b)
  expect(findEnrollmentByService([a, b], 'https://c.example')).toBeNull()
})

it('falls back to the given service for someone who is not enrolled', () => {
  expect(resolveServiceUrl(null, 'https://x.example')).toBe('https://x.example')
  expect(resolveServiceUrl(enrollment('https://a.example'), 'https://x.example')).toBe('https://a.example')
})
