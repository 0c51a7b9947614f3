import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { sendRequest } from 'test-network'
import { describe, expect, it } from 'vitest'
import { useNetwork } from './_util/network.ts'

const network = useNetwork({})
const get = (path: string, headers: Record<string, string> = {}) =>
  sendRequest('GET', network().serviceUrl + path, { headers })

describe('the plain pages', () => {
  it('say what this is, that it is well, and that it is not for search engines', async () => {
    expect((await get('/')).bytes.toString()).toContain('/xrpc/')
    expect((await get('/robots.txt')).bytes.toString()).toBe('User-agent: *\nDisallow: /\n')
    for (const path of ['/health', '/ready']) {
      expect((await get(path)).body).toEqual({
        status: 'ok',
        components: { db: 'ok', disk: 'ok', blobstore: 'ok' },
        version: expect.any(String),
      })
    }
  })

  it('publish the DID document under both names of the key and of the service', async () => {
    const { serviceDid, serviceUrl } = network()
    const { body } = await get('/.well-known/did.json')
    expect(body.id).toBe(serviceDid)
    expect(body.verificationMethod.map(({ id }: { id: string }) => id)).toEqual([
      `${serviceDid}#atproto`,
      `${serviceDid}#atproto_pns`,
    ])
    expect(
      new Set(
        body.verificationMethod.map(
          ({ publicKeyMultibase }: { publicKeyMultibase: string }) => publicKeyMultibase,
        ),
      ).size,
    ).toBe(1)
    expect(body.service).toEqual([
      { id: '#stratos', type: 'StratosService', serviceEndpoint: serviceUrl },
      { id: '#atproto_pns', type: 'StratosService', serviceEndpoint: serviceUrl },
    ])
  })

  it('publish what the OAuth client asks for and nothing more', async () => {
    const { body } = await get('/client-metadata.json')
    expect(body.scope).toBe('atproto repo:zone.stratos.actor.enrollment repo:zone.stratos.feed.post')
    expect(body.redirect_uris).toEqual([
      `${network().serviceUrl.replace('localhost', '127.0.0.1')}/oauth/callback`,
    ])
    expect(body).toMatchObject({ dpop_bound_access_tokens: true })
  })

  it('answer 404 in JSON elsewhere, and 501 to an unknown method', async () => {
    expect(await get('/nowhere')).toMatchObject({ status: 404, body: { error: 'NotFound' } })
    expect(await get('/xrpc/com.example.unknown')).toMatchObject({
      status: 501,
      body: { error: 'MethodNotImplemented' },
    })
    expect((await get('/xrpc/com.atproto.repo.createRecord')).status).toBe(400)
    expect((await get('/xrpc/..%2fadmin')).status).toBeLessThan(500)
  })
})

describe('a path that is nearly one of a method', () => {
  const METHOD = 'zone.stratos.server.listDomains'
  it.each([
    `/xrpc/com.example.m${Date.now()}`,
    '/xrpc/',
    '/xrpc/../admin',
    `/xrpc/../xrpc/${METHOD}`,
    `/xrpc/x/../${METHOD}`,
    `/xrpc//${METHOD}`,
    `//xrpc/${METHOD}`,
    `/%78rpc/${METHOD}`,
    '/xrpc/%7Aone.stratos.server.listDomains',
    '/xrpc/zoneXstratos.server.listDomains',
    `/xrpc/${METHOD}/`,
    `/xrpc/${METHOD}/x`,
    `/xrpc/${METHOD}%00`,
    `/xrpc/${METHOD}%2f`,
    `/XRPC/${METHOD}`,
    `/xrpc/${METHOD.toUpperCase()}`,
    '/xrpc/zone.stratos.admin.stats/',
    '/xrpc/ZONE.stratos.admin.stats',
  ])('MTX-007: %s is none of ours', async (path) => {
    const { hostname, port } = new URL(network().serviceUrl)
    const socket = connect(Number(port), hostname)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const answer = await text(socket)
    expect(answer.slice(9, 12)).toMatch(/^(400|404|501)$/)
    expect(answer).not.toContain('"domains"')
  })

  it('is none while the very same one is', async () => {
    expect((await get(`/xrpc/${METHOD}`)).body.domains).toEqual(expect.any(Array))
  })
})

it('BND-013: lets no cache keep what a caller was answered, or refused', async () => {
  for (const path of [
    'zone.stratos.server.listDomains',
    'zone.stratos.server.listSessions',
    'com.example.no',
  ]) {
    const { headers } = await get(`/xrpc/${path}`)
    expect(headers['cache-control'], path).toBe('private, no-store')
    expect(headers['vary'], path).toBe('Authorization, DPoP')
  }
  expect((await get('/oauth/status')).headers['cache-control']).toBe('no-store')
})

describe('browsers on other origins', () => {
  it('OPS-001: may ask, send the headers that clients need, and read the ones that answer', async () => {
    const url = `${network().serviceUrl}/xrpc/com.atproto.repo.createRecord`
    const preflight = await sendRequest('OPTIONS', url, {
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-max-age']).toBe('86400')
    for (const name of [
      'authorization',
      'dpop',
      'content-type',
      'atproto-accept-labelers',
      'atproto-proxy',
    ]) {
      expect(preflight.headers['access-control-allow-headers']).toContain(name)
    }
    const answer = await get('/xrpc/zone.stratos.server.listDomains', { origin: 'https://app.example' })
    expect(answer.headers['access-control-allow-origin']).toBe('*')
    for (const name of ['dpop-nonce', 'www-authenticate', 'ratelimit-limit', 'retry-after']) {
      expect(answer.headers['access-control-expose-headers']).toContain(name)
    }
  })

  it('are not invited to the enrollment pages', async () => {
    const answer = await get('/oauth/authorize?handle=alice.test', { origin: 'https://app.example' })
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })
})

it('gives every answer an id, the caller’s own where that is harmless', async () => {
  expect((await get('/health', { 'x-request-id': 'abc-123' })).headers['x-request-id']).toBe('abc-123')
  expect((await get('/health', { 'x-request-id': 'a b<script>' })).headers['x-request-id']).toMatch(
    /^[0-9a-f-]{36}$/,
  )
})

it('refuses a request target that names a host, on every path', async () => {
  const { port } = new URL(network().serviceUrl)
  for (const path of [
    '/health',
    '/oauth/authorize?handle=x',
    '/oauth/callback',
    '/xrpc/zone.stratos.server.listDomains',
  ]) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(`GET http://a:99999${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(String(await text(socket)).split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request')
  }
})

it('stops on SIGTERM although somebody keeps a silent connection open', async () => {
  const socket = connect(Number(new URL(network().serviceUrl).port), '127.0.0.1')
  await once(socket, 'connect')
  await network().stopService()
  expect(network().service.pid).toBeNull()
  socket.destroy()
})
