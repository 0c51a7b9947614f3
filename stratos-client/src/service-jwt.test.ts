import { afterEach, describe, expect, it, vi } from 'vitest'
import { serve, type ScriptedServer } from '../tests/_util/scripted-server.ts'
import { withServiceJwt } from './service-jwt.ts'

/** A PDS whose tokens say what they are for, and a service that accepts everything. */
async function startPair() {
  let count = 0
  let did = 'did:plc:alice'
  const pds = await serve((request) => {
    const query = new URL(request.url, 'http://pds').searchParams
    return { body: { token: `${query.get('aud')} ${query.get('lxm')} ${++count}` } }
  })
  const service = await serve((request) => ({
    status: request.headers['x-refuse'] === request.headers.authorization ? 401 : 200,
    body: { authorization: request.headers.authorization },
  }))
  const handle = withServiceJwt(
    (path, init) => fetch(new URL(path, pds.url), { ...init, headers: { authorization: 'Bearer secret' } }),
    { findServiceDid: async () => 'did:web:localhost', currentDid: () => did, fetch },
  )
  return {
    pds,
    service,
    send: async (path: string, init?: RequestInit) => (await handle(service.url + path, init)).status,
    switchUser: (to: string) => {
      did = to
    },
    async [Symbol.asyncDispose]() {
      await pds[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}
const credentials = (server: ScriptedServer) =>
  server.requests.map((request) => request.headers.authorization)

afterEach(() => {
  vi.useRealTimers()
})

describe('withServiceJwt', () => {
  it('mints a token for exactly the method called, and sends nothing else', async () => {
    await using pair = await startPair()
    await pair.send('/xrpc/com.atproto.repo.createRecord', { method: 'POST', body: '{}' })
    await pair.send('/xrpc/com.atproto.repo.getRecord?repo=x')
    expect(credentials(pair.service)).toEqual([
      'Bearer did:web:localhost com.atproto.repo.createRecord 1',
      'Bearer did:web:localhost com.atproto.repo.getRecord 2',
    ])
  })

  it('never uses the token of a procedure twice', async () => {
    await using pair = await startPair()
    for (let i = 0; i < 2; i++) await pair.send('/xrpc/a.b.write', { method: 'POST', body: '{}' })
    expect(new Set(credentials(pair.service)).size).toBe(2)
  })

  it('keeps the token of a query for less than a minute', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await using pair = await startPair()
    await pair.send('/xrpc/a.b.read')
    vi.setSystemTime(Date.now() + 30_000)
    await pair.send('/xrpc/a.b.read?more')
    expect(pair.pds.requests).toHaveLength(1)
    vi.setSystemTime(Date.now() + 29_000)
    await pair.send('/xrpc/a.b.read')
    expect(pair.pds.requests).toHaveLength(2)
  })

  it('does not send the token of one user for another', async () => {
    await using pair = await startPair()
    await pair.send('/xrpc/a.b.read')
    pair.switchUser('did:plc:bob')
    await pair.send('/xrpc/a.b.read')
    expect(pair.pds.requests).toHaveLength(2)
  })

  it('replaces a kept token that is refused, once', async () => {
    await using pair = await startPair()
    await pair.send('/xrpc/a.b.read')
    const refuse = { headers: { 'x-refuse': 'Bearer did:web:localhost a.b.read 1' } }
    expect(await pair.send('/xrpc/a.b.read', refuse)).toBe(200)
    expect(credentials(pair.service).at(-1)).toBe('Bearer did:web:localhost a.b.read 2')
  })

  it('returns the refusal of a fresh token as it is', async () => {
    await using pair = await startPair()
    const refuse = { headers: { 'x-refuse': 'Bearer did:web:localhost a.b.read 1' } }
    expect(await pair.send('/xrpc/a.b.read', refuse)).toBe(401)
    expect(pair.service.requests).toHaveLength(1)
  })

  it('sends what is no XRPC method without authentication', async () => {
    await using pair = await startPair()
    await pair.send('/.well-known/did.json')
    await pair.send('/xrpc/')
    expect(credentials(pair.service)).toEqual([undefined, undefined])
    expect(pair.pds.requests).toEqual([])
  })

  it('overrides a credential of the caller', async () => {
    await using pair = await startPair()
    await pair.send('/xrpc/a.b.read', { headers: { Authorization: 'Bearer mine' } })
    expect(credentials(pair.service)).toEqual(['Bearer did:web:localhost a.b.read 1'])
  })
})
