import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Agent } from '@atproto/api'
import type { Account } from './accounts.ts'
import { authorize, refuse } from './authorize.ts'
import { createLoopbackClient } from './oauth-session.ts'
import { startPlcAndPds, type PlcAndPds } from './plc-and-pds.ts'

const SCOPE = 'atproto repo:zone.stratos.actor.enrollment repo:zone.stratos.feed.post'

let network: PlcAndPds
let dora: Account

beforeAll(async () => {
  network = await startPlcAndPds()
  dora = await network.createAccount('dora.test')
}, 60_000)

afterAll(async () => {
  await network?.close()
})

describe('the scripted sign-in', () => {
  it('gives an OAuth session that can do what was consented to, and nothing else', async () => {
    const { session } = await network.oauthSession(dora, SCOPE)
    expect(session.did).toBe(dora.did)
    const agent = new Agent(session)
    const record = { $type: 'zone.stratos.feed.post', createdAt: new Date().toISOString() }
    const allowed = { repo: dora.did, collection: 'zone.stratos.feed.post', record, validate: false }
    expect((await agent.com.atproto.repo.createRecord(allowed)).data.uri).toContain(dora.did)
    const beyond = { ...allowed, collection: 'app.bsky.feed.post' }
    await expect(agent.com.atproto.repo.createRecord(beyond)).rejects.toMatchObject({ status: 403 })
  })

  it('keeps the session in a store the test can look at, and can refresh it', async () => {
    const { session, sessionStore } = await network.oauthSession(dora, SCOPE)
    const before = sessionStore.entries.get(dora.did)?.tokenSet.access_token
    await session.getTokenInfo(true)
    const after = sessionStore.entries.get(dora.did)?.tokenSet.access_token
    expect(before).toBeTypeOf('string')
    expect(after).not.toBe(before)
  })

  it('grants only the scopes that were left ticked', async () => {
    const { client } = createLoopbackClient(network, SCOPE)
    const url = await client.authorize(dora.handle, { scope: SCOPE })
    const callback = await authorize(url, dora, { scope: 'atproto repo:zone.stratos.feed.post' })
    const { session } = await client.callback(callback.searchParams)
    expect((await session.getTokenInfo()).scope).toBe('atproto repo:zone.stratos.feed.post')
  })

  it('fails on a wrong password', async () => {
    const { client } = createLoopbackClient(network, SCOPE)
    const url = await client.authorize(dora.handle, { scope: SCOPE })
    await expect(authorize(url, { handle: dora.handle, password: 'guess' })).rejects.toThrow(
      /sign-in was refused/,
    )
  })

  it('fails on a request the PDS has never seen', async () => {
    const { client } = createLoopbackClient(network, SCOPE)
    const url = await client.authorize(dora.handle, { scope: SCOPE })
    url.searchParams.set(
      'request_uri',
      'urn:ietf:params:oauth:request_uri:req-00000000000000000000000000000000',
    )
    await expect(authorize(url, dora)).rejects.toThrow(/answered 400: .*Unknown request_uri/)
  })

  it('brings access_denied back to the client when the user refuses', async () => {
    const { client } = createLoopbackClient(network, SCOPE)
    const callback = await refuse(await client.authorize(dora.handle, { scope: SCOPE }))
    expect(callback.searchParams.get('error')).toBe('access_denied')
    await expect(client.callback(callback.searchParams)).rejects.toThrow()
  })
})

describe('the app-password agent', () => {
  it('is signed in as the account', async () => {
    const agent = await network.appPasswordAgent(dora)
    const { data } = await agent.com.atproto.server.getSession()
    expect(data).toMatchObject({ did: dora.did, handle: 'dora.test' })
  })
})
