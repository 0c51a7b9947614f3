import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryStore, ProofClient, authorize, sendRequest, serviceJwt, waitUntil } from 'test-network'
import type { NodeSavedSession, NodeSavedState } from '@atproto/oauth-client-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildConfig } from '../src/config/config.ts'
import { readEnv } from '../src/config/env.ts'
import { KeyedLock } from '../src/limits/keyed-lock.ts'
import { createLogger } from '../src/logger.ts'
import { loadClientKey } from '../src/oauth/client-key.ts'
import { createOauthClient } from '../src/oauth/client.ts'
import { startService, type RunningService } from '../src/service.ts'
import { callAs, enrollMadeUp, makeUpAccount } from './_util/made-up-account.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ClientKey, encodeJson } from './_util/signing.ts'

const CREATE = 'com.atproto.repo.createRecord'
const network = useNetwork({})
const origin = () => network().serviceUrl.replace('localhost', '127.0.0.1')

async function begin(handle: string, redirectUri?: string) {
  const params = new URLSearchParams({
    handle,
    ...(redirectUri === undefined ? {} : { redirect_uri: redirectUri }),
  })
  const answer = await sendRequest('GET', `${origin()}/oauth/authorize?${params}`)
  const cookie = String(answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? ''
  return { ...answer, location: String(answer.headers.location), cookie }
}

const isEnrolled = async (did: string) => {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?${new URLSearchParams({ did })}`
  return (await sendRequest('GET', url)).body.enrolled as boolean
}

describe('signing in', () => {
  it('OAU-005: returns to where this flow came from, whatever another tab of the browser does', async () => {
    const alice = accountOf(network(), 'alice')
    const first = await begin(alice.handle, 'http://127.0.0.1:9/first')
    const second = await begin(alice.handle, 'http://127.0.0.1:9/second')
    const callback = String(await authorize(new URL(first.location), alice))
    const cookie = `${second.cookie}; ${first.cookie}`
    const answer = await sendRequest('GET', callback, { headers: { cookie } })
    expect(answer.headers.location).toBe('http://127.0.0.1:9/first?stratos_enrolled=true')
  })

  it('OAU-007: does not let an authorization server speak for an account that is not its own', async () => {
    const mallory = await makeUpAccount()
    mallory.granted = { sub: accountOf(network(), 'bob').did, scope: '' }
    expect((await enrollMadeUp(network(), mallory)).status).toBe(400)
    expect(await isEnrolled(mallory.did)).toBe(false)
    expect(await isEnrolled(accountOf(network(), 'bob').did)).toBe(false)
    await mallory.close()
  })

  it('OAU-009: asks for little, and enrolls nobody who grants less', async () => {
    const account = await makeUpAccount()
    account.granted = { sub: account.did, scope: 'atproto repo:zone.stratos.actor.enrollment' }
    const answer = await enrollMadeUp(network(), account)
    expect([answer.status, answer.body.error]).toEqual([403, 'EnrollmentDenied'])
    expect(answer.body.message).toContain('repo:zone.stratos.feed.post')
    expect(account.requested.get('scope')).toBe(
      'atproto repo:zone.stratos.actor.enrollment repo:zone.stratos.feed.post',
    )
    expect(await isEnrolled(account.did)).toBe(false)
    await account.close()
  })

  it('OAU-013: goes to the PDS of the account, and to nothing else that its document names', async () => {
    const decoy = await makeUpAccount()
    const account = await makeUpAccount((own, did) => [
      {
        id: 'did:web:evil.example#atproto_pds',
        type: 'AtprotoPersonalDataServer',
        serviceEndpoint: decoy.origin,
      },
      { id: `${did}#atproto_pds`, type: 'AtprotoPersonalDataServer', serviceEndpoint: own },
      { id: '#another', type: 'AtprotoPersonalDataServer', serviceEndpoint: decoy.origin },
    ])
    expect((await enrollMadeUp(network(), account)).status).toBe(200)
    expect(decoy.asked).toEqual([])
    await account.close()
    await decoy.close()
  })

  it('OAU-019: says so when the account’s server has ended the session', async () => {
    const account = await makeUpAccount()
    let exchanges = 0
    const grant = account.pages.get('/token')
    account.pages.set('/token', (req, body) => {
      exchanges += 1
      if (exchanges > 1)
        return { status: 400, json: { error: 'invalid_grant', error_description: 'revoked' } }
      return { json: { ...grant?.(req, body)?.json, expires_in: 0 } }
    })
    expect((await enrollMadeUp(network(), account)).status).toBe(200)
    const status = async () => {
      const exp = Math.floor(Date.now() / 1000) + 60
      const aud = network().serviceDid
      const token = await account.account.serviceJwt({ aud, lxm: 'zone.stratos.enrollment.status', exp })
      const headers = { authorization: `Bearer ${token}` }
      return (await sendRequest('GET', `${network().serviceUrl}/oauth/status`, { headers })).body
    }
    await waitUntil('the session is known to have ended', async () => (await status()).needsReauth === true)
    const asked = exchanges
    for (let n = 0; n < 5; n += 1) {
      const body = {
        repo: account.did,
        collection: POST,
        record: post(network().serviceDid, 'x', ['general']),
      }
      expect((await callAs(network(), account, 'POST', CREATE, { body })).status).toBe(200)
    }
    // Without a session there is nothing to ask with until its owner brings another one.
    expect(exchanges).toBe(asked)
    expect(await status()).toMatchObject({ did: account.did, enrolled: true, boundaries: expect.any(Array) })
    await account.close()
  })

  it('TOK-019: writes by access token what the token’s scope names, and nothing else', async () => {
    const account = await makeUpAccount()
    expect((await enrollMadeUp(network(), account)).status).toBe(200)
    const record = post(network().serviceDid, 'by token', ['general'])
    const client = (scope: string) =>
      ProofClient.withToken(network().serviceUrl, (jkt) => {
        const nowSec = Math.floor(Date.now() / 1000)
        const claims = {
          iss: account.origin,
          sub: account.did,
          aud: network().serviceDid,
          scope,
          iat: nowSec,
          exp: nowSec + 300,
          cnf: { jkt },
        }
        const key = account.keys[0] ?? new ClientKey()
        return key.signText(
          `${encodeJson({ typ: 'at+jwt', alg: key.alg, kid: key.jkt })}.${encodeJson(claims)}`,
        )
      })
    const create = (scope: string) =>
      client(scope).call('POST', 'com.atproto.repo.createRecord', {
        body: { repo: account.did, collection: POST, record },
      })
    for (const scope of [
      'atproto',
      'atproto repo:app.bsky.feed.post',
      `atproto repo:${POST}?action=delete`,
    ]) {
      const answer = await create(scope)
      expect([answer.status, answer.body.error]).toEqual([403, 'InsufficientScope'])
    }
    const made = await create(`atproto repo:${POST}?action=create`)
    expect(made.status).toBe(200)
    const rkey = String(made.body.uri).split('/').at(-1)
    const remove = (scope: string) =>
      client(scope).call('POST', 'com.atproto.repo.deleteRecord', {
        body: { repo: account.did, collection: POST, rkey },
      })
    expect((await remove(`atproto repo:${POST}?action=create`)).status).toBe(403)
    expect((await remove(`atproto repo:${POST}?action=delete`)).status).toBe(200)
    await account.close()
  })
})

describe('the pages about one’s own enrollment', () => {
  it('DPP-021: take a proof for their whole path, and no other', async () => {
    const net = network()
    const alice = accountOf(net, 'alice')
    const client = await ProofClient.signIn(net, alice)
    const url = `${net.serviceUrl}/oauth/status`
    const good = await client.send('GET', url, { headers: { dpop: client.proof('GET', url) } })
    expect([good.status, good.body.did]).toEqual([200, alice.did])
    for (const other of [`${net.serviceUrl}/status`, `${net.serviceUrl}/oauth/revoke`]) {
      const answer = await client.send('GET', url, { headers: { dpop: client.proof('GET', other) } })
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_dpop_proof'])
    }
  })

  it('take nobody without a credential, and no token for something else', async () => {
    const net = network()
    expect((await sendRequest('GET', `${net.serviceUrl}/oauth/status`)).status).toBe(401)
    expect((await sendRequest('POST', `${net.serviceUrl}/oauth/revoke`)).status).toBe(401)
    const token = await serviceJwt(net, accountOf(net, 'bob'), 'zone.stratos.enrollment.status')
    const headers = { authorization: `Bearer ${token}` }
    expect((await sendRequest('POST', `${net.serviceUrl}/oauth/revoke`, { headers })).status).toBe(401)
    expect((await sendRequest('GET', `${net.serviceUrl}/oauth/status`, { headers })).body.enrolled).toBe(
      false,
    )
  })
})

describe('a service on the public internet', () => {
  let directory: string
  let running: RunningService | undefined
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'stratos-public-'))
  })
  afterEach(async () => {
    await running?.close()
    running = undefined
    rmSync(directory, { recursive: true })
  })

  /** Seen from outside as https://stratos.example.com; here it listens behind no proxy. */
  async function start(env: Record<string, string> = {}): Promise<string> {
    const settings = readEnv({
      STRATOS_SERVICE_DID: 'did:web:stratos.example.com',
      STRATOS_PUBLIC_URL: 'https://stratos.example.com',
      STRATOS_ALLOWED_DOMAINS: 'general',
      STRATOS_HOST: '127.0.0.1',
      STRATOS_PORT: '0',
      STRATOS_DATA_DIR: directory,
      ...env,
    })
    running = await startService(buildConfig(settings), createLogger('silent'))
    return `http://127.0.0.1:${running.port}`
  }

  it('OAU-023: publishes who it is as a client, with the public half of a key that only it can read', async () => {
    const env = {
      STRATOS_OAUTH_CLIENT_AUTH: 'private_key_jwt',
      STRATOS_OAUTH_CLIENT_NAME: 'Our place',
      STRATOS_OAUTH_LOGO_URI: 'https://example.com/logo.png',
      STRATOS_OAUTH_TOS_URI: 'https://example.com/terms',
      STRATOS_OAUTH_POLICY_URI: 'https://example.com/privacy',
    }
    const first = (await sendRequest('GET', `${await start(env)}/client-metadata.json`)).body
    expect(first).toMatchObject({
      client_id: 'https://stratos.example.com/client-metadata.json',
      redirect_uris: ['https://stratos.example.com/oauth/callback'],
      token_endpoint_auth_method: 'private_key_jwt',
      client_name: 'Our place',
      logo_uri: 'https://example.com/logo.png',
      tos_uri: 'https://example.com/terms',
      policy_uri: 'https://example.com/privacy',
    })
    expect(first.jwks.keys).toHaveLength(1)
    expect(Object.keys(first.jwks.keys[0])).not.toContain('d')
    expect(statSync(join(directory, 'oauth_client_key')).mode & 0o777).toBe(0o600)
    await running?.close()
    const again = (await sendRequest('GET', `${await start(env)}/client-metadata.json`)).body
    expect(again.jwks).toEqual(first.jwks)
  })

  it('is a public client unless told otherwise', async () => {
    const { body } = await sendRequest('GET', `${await start()}/client-metadata.json`)
    expect(body.token_endpoint_auth_method).toBe('none')
    expect(body.jwks).toBeUndefined()
  })

  it('OPS-009: tells browsers to be careful, and to stay with https', async () => {
    const { headers } = await sendRequest('GET', `${await start()}/health`)
    expect(headers['strict-transport-security']).toMatch(/^max-age=\d{8}/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(headers['referrer-policy']).toBe('no-referrer')
    expect(headers['content-security-policy']).toContain("default-src 'none'")
  })

  it('OAU-003: names the setting that would permit a return', async () => {
    const query = new URLSearchParams({ handle: 'alice.example', redirect_uri: 'https://evil.example/' })
    const answer = await sendRequest('GET', `${await start()}/oauth/authorize?${query}`)
    expect(answer.status).toBe(400)
    expect(answer.body.message).toContain('STRATOS_ALLOWED_REDIRECT_ORIGINS')
  })

  it('OAU-015: connects to nothing on this machine for whatever a visitor types', async () => {
    let connections = 0
    const trap = createServer(() => (connections += 1)).listen(0, '127.0.0.1')
    await once(trap, 'listening')
    const address = trap.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const base = await start()
    for (const handle of [
      `https://127.0.0.1:${port}`,
      'http://169.254.169.254',
      `https://[::1]:${port}`,
      `https://localhost:${port}`,
      `did:web:127.0.0.1%3A${port}`,
      `did:web:localhost%3A${port}`,
      `127.0.0.1:${port}`,
    ]) {
      const answer = await sendRequest('GET', `${base}/oauth/authorize?${new URLSearchParams({ handle })}`)
      expect(answer.status, handle).toBe(400)
    }
    // The same by way of a credential.
    const token = `${encodeJson({ alg: 'ES256' })}.${encodeJson({
      iss: `did:web:localhost%3A${port}`,
      aud: 'did:web:stratos.example.com',
      lxm: 'zone.stratos.server.listSessions',
      exp: Math.floor(Date.now() / 1000) + 60,
    })}.${'A'.repeat(86)}`
    const headers = { authorization: `Bearer ${token}` }
    const answer = await sendRequest('GET', `${base}/xrpc/zone.stratos.server.listSessions`, { headers })
    expect(answer.status, 'SVC-015').toBe(401)
    expect(connections).toBe(0)
    trap.close()
  })

  it('lets one address begin so many enrollments a minute, and another as many', async () => {
    const base = await start({ STRATOS_AUTHORIZE_PER_MINUTE: '2', STRATOS_TRUSTED_PROXIES: '1' })
    const ask = (address: string) =>
      sendRequest('GET', `${base}/oauth/authorize`, { headers: { 'x-forwarded-for': `made-up, ${address}` } })
    expect((await ask('192.0.2.1:1001')).status).toBe(400)
    expect((await ask('192.0.2.1:1002')).status).toBe(400)
    const limited = await ask('192.0.2.1:1003')
    expect([limited.status, limited.body.error]).toEqual([429, 'RateLimitExceeded'])
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask('[2001:db8::1]:7')).status).toBe(400)
  })

  it('counts a bad token for createSession like any other bad credential', async () => {
    const base = await start({ STRATOS_AUTH_FAILURES_PER_MINUTE: '3', STRATOS_DPOP_REQUIRE_NONCE: 'false' })
    const client = new ProofClient(base)
    const lxm = 'zone.stratos.server.createSession'
    const htu = `https://stratos.example.com/xrpc/${lxm}`
    const attempt = () =>
      client.callOnce('POST', lxm, { body: { serviceAuth: 'a.b.c' } }, { claims: { htu } })
    for (let i = 0; i < 3; i++) {
      const answer = await attempt()
      expect(answer.status).toBe(401)
      expect(String(answer.headers['www-authenticate'])).toContain('DPoP')
    }
    expect((await attempt()).status).toBe(429)
  })

  it('answers other verbs than a method’s own with what it takes', async () => {
    const base = await start()
    for (const verb of ['PUT', 'DELETE', 'PATCH']) {
      const query = await sendRequest(verb, `${base}/xrpc/zone.stratos.server.listDomains`)
      expect([query.status, query.headers.allow]).toEqual([405, 'GET, HEAD'])
      const procedure = await sendRequest(verb, `${base}/xrpc/com.atproto.repo.createRecord`)
      expect([procedure.status, procedure.headers.allow]).toEqual([405, 'POST'])
    }
    expect((await sendRequest('POST', `${base}/xrpc/zone.stratos.server.listDomains`)).headers.allow).toBe(
      'GET, HEAD',
    )
  })

  it('invites no other origin to the pages of enrollment, in whatever letters', async () => {
    const base = await start()
    for (const path of ['/oauth/callback', '/OAUTH/callback', '/Oauth/Authorize']) {
      const { status, headers } = await sendRequest('GET', base + path, {
        headers: { origin: 'https://app.example' },
      })
      if (status !== 404) expect(headers['access-control-allow-origin']).toBeUndefined()
    }
    expect((await sendRequest('GET', `${base}/OAUTH/callback?state=x`)).status).toBe(404)
  })

  it('hangs up on a body that does not go on', async () => {
    const base = await start({ STRATOS_BODY_IDLE_TIMEOUT_MS: '200' })
    const { connect } = await import('node:net')
    const { text } = await import('node:stream/consumers')
    const socket = connect(Number(new URL(base).port), '127.0.0.1')
    socket.write(
      'POST /xrpc/zone.stratos.server.createSession HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"half',
    )
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 (401|408) /)
  })
})

it('a confidential client proves who it is with its key', async () => {
  const account = await makeUpAccount()
  const key = await loadClientKey({ loadOrCreate: async (make) => make() })
  const client = createOauthClient({
    publicUrl: 'https://stratos.example.com',
    loopback: false,
    branding: { client_name: 'Stratos' },
    collections: [POST],
    key,
    plcUrl: network().plcUrl,
    handleResolverUrl: network().pdsUrl,
    allowHttp: true,
    fetch,
    stateStore: new MemoryStore<NodeSavedState>(),
    sessionStore: new MemoryStore<NodeSavedSession>(),
    lock: new KeyedLock(),
  })
  await client.authorize(account.did)
  expect(account.requested.get('client_assertion_type')).toBe(
    'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  )
  const { payload } = await key.verifyJwt(
    (account.requested.get('client_assertion') ?? '') as `${string}.${string}.${string}`,
  )
  expect(payload).toMatchObject({
    iss: 'https://stratos.example.com/client-metadata.json',
    aud: account.origin,
  })
  await account.close()
})
