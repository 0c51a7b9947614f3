import { Agent } from '@atproto/api'
import { buildStratosScopes, createStratosAgent } from 'stratos-client'
import { describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

/** What an app asks for: the right to register its key with this service, and nothing on the PDS. */
const scope = () =>
  `atproto rpc:zone.stratos.server.createSession?aud=${encodeURIComponent(`${network().serviceDid}#atproto_pns`)}`

describe('a real OAuth session', () => {
  it('creates a record by the documented pattern, once its key is registered', async () => {
    const net = network()
    const { session, sessionStore } = await net.oauthSession(accountOf(net, 'alice'), scope())
    // As the quick start has it: no SDK, only the session's own fetch with an absolute URL.
    const agent = new Agent((url: string, init: RequestInit) =>
      session.fetchHandler(new URL(url, net.serviceUrl).href, init),
    )
    const record = post(net.serviceDid, 'by the quick start', ['general'])
    const create = () => agent.com.atproto.repo.createRecord({ repo: session.did, collection: POST, record })

    await expect(create()).rejects.toMatchObject({ status: 401, error: 'SessionRequired' })
    expect(sessionStore.entries.has(session.did)).toBe(true)

    const pds = new Agent(session)
    const lxm = 'zone.stratos.server.createSession'
    const { data } = await pds.com.atproto.server.getServiceAuth({
      aud: `${net.serviceDid}#atproto_pns`,
      lxm,
    })
    const registered = await session.fetchHandler(`${net.serviceUrl}/xrpc/${lxm}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ serviceAuth: data.token }),
    })
    expect(registered.status).toBe(200)
    expect((await create()).data.uri).toMatch(`at://${session.did}/${POST}/`)
  })

  it('outlives a refusal: the client neither refreshes nor deletes it', async () => {
    const net = network()
    const { session, sessionStore } = await net.oauthSession(accountOf(net, 'bob'), scope())
    const before = JSON.stringify(sessionStore.entries.get(session.did))
    for (const path of [
      '/xrpc/com.atproto.repo.listRecords?repo=bob.test&collection=zone.stratos.feed.post',
      '/xrpc/zone.stratos.admin.stats',
    ]) {
      const response = await session.fetchHandler(net.serviceUrl + path)
      expect([401, 501]).toContain(response.status)
      expect(response.headers.get('www-authenticate') ?? '').not.toContain('invalid_token')
    }
    expect(JSON.stringify(sessionStore.entries.get(session.did))).toBe(before)
    expect((await session.getTokenInfo()).sub).toBe(session.did)
  })

  it('keeps its registration when its tokens are refreshed', async () => {
    const net = network()
    const { session } = await net.oauthSession(accountOf(net, 'alice'), scope())
    const agent = createStratosAgent(session, net.serviceUrl)
    await agent.com.atproto.repo.listRecords({ repo: session.did, collection: POST })
    await session.getTokenInfo(true)
    const response = await session.fetchHandler(
      `${net.serviceUrl}/xrpc/com.atproto.repo.listRecords?repo=${session.did}&collection=${POST}`,
    )
    expect(response.status).toBe(200)
  })

  it('works through the SDK without a thought for keys', async () => {
    const net = network()
    const wanted = buildStratosScopes({ serviceDid: net.serviceDid }).join(' ')
    const { session } = await net.oauthSession(accountOf(net, 'alice'), wanted)
    const agent = createStratosAgent(session, net.serviceUrl)
    const record = post(net.serviceDid, 'by the SDK', ['general'])
    const { data } = await agent.com.atproto.repo.createRecord({
      repo: session.did,
      collection: POST,
      record,
    })
    const rkey = data.uri.split('/').at(-1) ?? ''
    const read = await agent.com.atproto.repo.getRecord({ repo: session.did, collection: POST, rkey })
    expect(read.data.value).toEqual(record)
  })
})
