import { Agent, AtpAgent, CredentialSession } from '@atproto/api'
import { describe, expect, it } from 'vitest'
import { serve } from '../tests/_util/scripted-server.ts'
import { findStratosClientError } from './errors.ts'
import { createStratosFetchHandler, type StratosSession } from './session.ts'
import { createStratosAgent } from './stratos-agent.ts'

const ALICE = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'

/** A signed-in app-password session at a PDS that mints tokens, and a service that greets everybody. */
async function startPair() {
  const pds = await serve((request) => ({
    body: { token: `minted ${new URL(request.url, 'http://pds').searchParams.get('aud')}` },
  }))
  const service = await serve((request) => ({
    body: request.url.startsWith('/.well-known') ? { id: 'did:web:localhost' } : { records: [] },
  }))
  const session = new CredentialSession(new URL(pds.url))
  session.session = {
    did: ALICE,
    handle: 'alice.test',
    accessJwt: 'pds-access',
    refreshJwt: 'pds-refresh',
    active: true,
  }
  return {
    pds,
    service,
    session,
    async [Symbol.asyncDispose]() {
      await pds[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}

describe('createStratosAgent', () => {
  it('speaks for the user of an app-password session without showing its token to the service', async () => {
    await using pair = await startPair()
    const agent = createStratosAgent(pair.session, pair.service.url)
    expect(agent.assertDid).toBe(ALICE)
    await agent.com.atproto.repo.listRecords({ repo: agent.assertDid, collection: 'zone.stratos.feed.post' })
    const seen = JSON.stringify(pair.service.requests)
    expect(seen).toContain('Bearer minted did:web:localhost')
    expect(seen).not.toContain('pds-access')
    expect(pair.pds.requests[0]?.headers['authorization']).toBe('Bearer pds-access')
  })

  it.each<[string, (session: CredentialSession) => StratosSession]>([
    ['an AtpAgent', (session) => new AtpAgent(session)],
    ['an Agent', (session) => new Agent(session)],
    ['an Agent set up for a proxy', (session) => new Agent(session).withProxy('bsky_appview', 'did:web:x.y')],
  ])('takes %s', async (_, wrap) => {
    await using pair = await startPair()
    const agent = createStratosAgent(wrap(pair.session), pair.service.url)
    await agent.com.atproto.repo.listRecords({ repo: ALICE, collection: 'zone.stratos.feed.post' })
    expect(pair.pds.requests[0]?.headers['atproto-proxy']).toBeUndefined()
    expect(pair.service.requests.at(-1)?.headers['authorization']).toContain('minted')
  })

  it('refuses a write once the agent is told to go through a proxy', async () => {
    await using pair = await startPair()
    const agent = createStratosAgent(pair.session, pair.service.url).withProxy('atproto_pns', 'did:web:x.y')
    const record = { text: 'private' }
    const write = agent.com.atproto.repo.createRecord({ repo: ALICE, collection: 'a.b.c', record })
    await expect(write).rejects.toMatchObject({ cause: { code: 'ProxiedWriteRefused' } })
    expect([pair.pds.requests, pair.service.requests]).toEqual([[], []])
  })

  it('asks the service for its DID once, and not at all when it is given', async () => {
    await using pair = await startPair()
    const handle = createStratosFetchHandler(pair.session, pair.service.url)
    await Promise.all([handle('/xrpc/a.b.one'), handle('/xrpc/a.b.two')])
    const asked = pair.service.requests.filter((request) => request.url === '/.well-known/did.json')
    expect(asked).toHaveLength(1)

    const given = createStratosFetchHandler(pair.session, pair.service.url, { serviceDid: 'did:plc:service' })
    await given('/xrpc/a.b.three')
    expect(pair.service.requests.at(-1)?.headers['authorization']).toBe('Bearer minted did:plc:service')
    expect(pair.service.requests).toHaveLength(4)
  })

  it('asks for no token on behalf of a service that claims the DID of another', async () => {
    await using pair = await startPair()
    await using liar = await serve(() => ({ body: { id: 'did:web:honest.example' } }))
    const handle = createStratosFetchHandler(pair.session, liar.url)
    await expect(handle('/xrpc/a.b.c')).rejects.toMatchObject({ code: 'ServiceMismatch' })
    expect(pair.pds.requests).toEqual([])
  })

  it('names the service that does not answer', async () => {
    const session = { did: ALICE, fetchHandler: async () => Promise.reject(new TypeError('fetch failed')) }
    const agent = createStratosAgent(session, 'http://localhost:9', {
      auth: 'session-key',
      retry: { attempts: 1 },
    })
    const failure = await agent.com.atproto.server.describeServer().catch((err: unknown) => err)
    expect(findStratosClientError(failure)).toMatchObject({
      code: 'ServiceUnreachable',
      message: 'http://localhost:9 did not answer',
    })
  })

  it('does not guess how to treat an unknown kind of session', () => {
    const session = { did: ALICE, fetchHandler: fetch }
    expect(() => createStratosAgent(session, 'https://s.example')).toThrow(
      expect.objectContaining({ code: 'UnknownSessionKind' }),
    )
    expect(() => createStratosAgent(session, 'https://s.example', { auth: 'session-key' })).not.toThrow()
  })
})
