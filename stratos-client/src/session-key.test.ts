import { describe, expect, it } from 'vitest'
import { serve, type ScriptedAnswer, type ScriptedServer } from '../tests/_util/scripted-server.ts'
import type { FetchHandler } from './routing.ts'
import { withSessionKey } from './session-key.ts'

const REQUIRED: ScriptedAnswer = {
  status: 401,
  headers: { 'www-authenticate': 'DPoP error="session_required", error_description="register"' },
  body: { error: 'SessionRequired' },
}
const CREATE_SESSION = '/xrpc/zone.stratos.server.createSession'

/** A PDS that hands out one token, and a service that knows the key only after it was registered with that token. */
async function startPair(
  options: {
    required?: ScriptedAnswer
    registration?: ScriptedAnswer
    serviceAuth?: ScriptedAnswer
    forgets?: boolean
  } = {},
) {
  const { required = REQUIRED, registration, serviceAuth, forgets = false } = options
  const pds = await serve(() => serviceAuth ?? { body: { token: 'the-token' } })
  let isKnown = false
  const service = await serve((request) => {
    if (request.url === CREATE_SESSION) {
      isKnown = !forgets && JSON.parse(request.body).serviceAuth === 'the-token'
      return registration ?? { body: { did: 'did:plc:alice' } }
    }
    return isKnown ? { body: { echo: request.body } } : required
  })
  const session: FetchHandler = (path, init) => fetch(new URL(path, pds.url), init)
  const handle = withSessionKey(session, {
    service: new URL(service.url),
    findAudience: async () => 'did:web:localhost%3A1#atproto_pns',
    maxBufferedBytes: 100,
  })
  return {
    pds,
    service,
    send: (init?: RequestInit) => handle(`${service.url}/xrpc/a.b.c`, init),
    async [Symbol.asyncDispose]() {
      await pds[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}
const urls = (server: ScriptedServer) => server.requests.map((request) => request.url)

describe('withSessionKey', () => {
  it('registers the key when the service asks for it, and repeats the request', async () => {
    await using pair = await startPair()
    const response = await pair.send({ method: 'POST', body: 'hello' })
    expect(await response.json()).toEqual({ echo: 'hello' })
    expect(urls(pair.service)).toEqual(['/xrpc/a.b.c', CREATE_SESSION, '/xrpc/a.b.c'])
    expect(urls(pair.pds)).toEqual([
      '/xrpc/com.atproto.server.getServiceAuth?aud=did%3Aweb%3Alocalhost%253A1%23atproto_pns&lxm=zone.stratos.server.createSession',
    ])
    await pair.send()
    expect(urls(pair.pds)).toHaveLength(1)
  })

  it.each<[string, ScriptedAnswer]>([
    ['the challenge', { ...REQUIRED, body: '' }],
    ['the body alone', { status: 401, body: { error: 'SessionRequired' } }],
  ])('understands %s', async (_, required) => {
    await using pair = await startPair({ required })
    expect((await pair.send()).status).toBe(200)
  })

  it.each<ScriptedAnswer>([
    { status: 401, body: { error: 'AuthenticationRequired' } },
    { status: 401, body: 'not json' },
    { status: 403, body: { error: 'SessionRequired' } },
    { status: 401, headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }, body: { a: 1 } },
  ])('returns other refusals as they are: %j', async (required) => {
    await using pair = await startPair({ required })
    const response = await pair.send()
    expect(response.status).toBe(required.status)
    const text = await response.text()
    expect(text).toBe(typeof required.body === 'string' ? required.body : JSON.stringify(required.body))
    expect(urls(pair.service)).toEqual(['/xrpc/a.b.c'])
    expect(pair.pds.requests).toEqual([])
  })

  it('registers once for requests that fail together', async () => {
    await using pair = await startPair()
    const responses = await Promise.all(Array.from({ length: 8 }, () => pair.send()))
    expect(responses.map((response) => response.status)).toEqual(Array(8).fill(200))
    expect(pair.pds.requests).toHaveLength(1)
    expect(urls(pair.service).filter((url) => url === CREATE_SESSION)).toHaveLength(1)
  })

  it('does not register again for a request that left before the registration was done', async () => {
    let releaseSlow = () => {}
    const slowMayAnswer = new Promise<void>((resolve) => {
      releaseSlow = resolve
    })
    let isKnown = false
    await using pds = await serve(() => ({ body: { token: 'the-token' } }))
    await using service = await serve(async (request) => {
      if (request.url === CREATE_SESSION) isKnown = true
      if (isKnown) return { body: {} }
      if (request.url === '/slow') await slowMayAnswer
      return REQUIRED
    })
    const handle = withSessionKey((path, init) => fetch(new URL(path, pds.url), init), {
      service: new URL(service.url),
      findAudience: async () => 'did:web:localhost#x',
      maxBufferedBytes: 100,
    })
    const slow = handle(`${service.url}/slow`)
    await expect.poll(() => urls(service)).toContain('/slow')
    expect((await handle(`${service.url}/fast`)).status).toBe(200)
    releaseSlow()
    expect((await slow).status).toBe(200)
    expect(pds.requests).toHaveLength(1)
  })

  it('repeats a request only once', async () => {
    await using pair = await startPair({ forgets: true })
    expect((await pair.send()).status).toBe(401)
    expect(urls(pair.service)).toEqual(['/xrpc/a.b.c', CREATE_SESSION, '/xrpc/a.b.c'])
  })

  it('can repeat a streamed body', async () => {
    await using pair = await startPair()
    const response = await pair.send({ method: 'POST', body: new Blob(['from a stream']).stream() })
    expect(await response.json()).toEqual({ echo: 'from a stream' })
  })

  it('refuses a streamed body that is too long to keep, before anything is sent', async () => {
    await using pair = await startPair()
    const body = new Blob(['x'.repeat(101)]).stream()
    await expect(pair.send({ method: 'POST', body })).rejects.toMatchObject({ code: 'BodyTooLarge' })
    expect(pair.service.requests).toEqual([])
  })

  it('reports why the service refused the key, and tries again next time', async () => {
    await using pair = await startPair({
      forgets: true,
      registration: { status: 409, body: { error: 'KeyInUse', message: 'another user has this key' } },
    })
    const expected = { code: 'SessionRefused', status: 409, serverError: 'KeyInUse' }
    await expect(pair.send()).rejects.toMatchObject(expected)
    await expect(pair.send()).rejects.toMatchObject(expected)
    expect(pair.pds.requests).toHaveLength(2)
  })

  it.each<[string, ScriptedAnswer]>([
    ['MissingScope', { status: 403, body: { error: 'ScopeMissingError', message: 'no' } }],
    ['PdsRequestFailed', { status: 500, body: { error: 'InternalServerError' } }],
    ['PdsRequestFailed', { body: { token: 5 } }],
  ])('reports %s when the PDS gives no token', async (code, serviceAuth) => {
    await using pair = await startPair({ serviceAuth })
    await expect(pair.send()).rejects.toMatchObject({ code })
    expect(urls(pair.service)).toEqual(['/xrpc/a.b.c'])
  })

  it.each<[string, (error: unknown) => unknown]>([
    ['plainly', (error) => error],
    ['wrapped by an OAuth session', (cause) => new Error('request failed', { cause })],
  ])('reports a PDS or a service that does not answer, %s', async (_, wrap) => {
    const down = 'http://127.0.0.1:9'
    await using service = await serve(() => REQUIRED)
    const send = (pdsUrl: string, serviceUrl: string) =>
      withSessionKey(
        (path, init) => fetch(new URL(path, pdsUrl), init).catch((err) => Promise.reject(wrap(err))),
        {
          service: new URL(serviceUrl),
          findAudience: async () => 'did:web:localhost#x',
          maxBufferedBytes: 100,
        },
      )(`${service.url}/xrpc/a.b.c`)
    await expect(send(down, service.url)).rejects.toMatchObject({ code: 'PdsUnreachable' })
    await using pds = await serve(() => ({ body: { token: 'the-token' } }))
    await expect(send(pds.url, down)).rejects.toMatchObject({ code: 'ServiceUnreachable' })
  })

  it('passes on what the session itself has to say', async () => {
    await using service = await serve(() => REQUIRED)
    const ended = new Error('this session has ended')
    const handle = withSessionKey(
      (path, init) => (path.startsWith('/') ? Promise.reject(ended) : fetch(path, init)),
      {
        service: new URL(service.url),
        findAudience: async () => 'did:web:localhost#x',
        maxBufferedBytes: 100,
      },
    )
    await expect(handle(`${service.url}/xrpc/a.b.c`)).rejects.toBe(ended)
  })
})
