import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import {
  ProofClient,
  sendRequest,
  serviceJwt,
  waitUntil,
  type Answer,
  type ProofOverrides,
} from 'test-network'
import { beforeAll, describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { startWebIdentity } from './_util/web-identity.ts'

const network = useNetwork({
  enrolled: true,
  serviceEnv: { STRATOS_AUTH_FAILURES_PER_MINUTE: '100000', STRATOS_ADMIN_FAILURES_PER_MINUTE: '100000' },
})
let alice: ProofClient
let aliceDid: string

const LIST = 'com.atproto.repo.listRecords'
const CREATE = 'com.atproto.repo.createRecord'
const CREATE_SESSION = 'zone.stratos.server.createSession'

beforeAll(async () => {
  aliceDid = accountOf(network(), 'alice').did
  alice = await ProofClient.signIn(network(), accountOf(network(), 'alice'))
})

const params = () => ({ repo: aliceDid, collection: POST })
const body = () => ({ ...params(), record: post(network().serviceDid, 'hello', ['general']) })
const challengeOf = (answer: Answer) => String(answer.headers['www-authenticate'])

describe('a proof by a registered key', () => {
  it('is asked for a nonce first, and accepted with it', async () => {
    const client = await ProofClient.signIn(network(), accountOf(network(), 'alice'))
    client.nonce = undefined
    const first = await client.callOnce('GET', LIST, { params: params() })
    expect(first.status).toBe(401)
    expect(challengeOf(first)).toContain('error="use_dpop_nonce"')
    expect(first.headers['dpop-nonce']).toEqual(expect.any(String))
    expect((await client.callOnce('GET', LIST, { params: params() })).status).toBe(200)
  })

  it('DPP-001: is accepted once', async () => {
    const url = alice.url(LIST, params())
    const headers = { dpop: alice.proof('GET', url) }
    expect((await alice.send('GET', url, { headers })).status).toBe(200)
    expect((await alice.send('GET', url, { headers })).status).toBe(401)
  })

  it('DPP-003: is accepted once also when a hundred copies arrive together', async () => {
    const url = alice.url(LIST, params())
    const headers = { dpop: alice.proof('GET', url) }
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        sendRequest('GET', url, { headers: { authorization: `DPoP ${alice.token}`, ...headers } }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  const wrong: [string, () => ProofOverrides][] = [
    ['of another method', () => ({ claims: { htm: 'POST' } })],
    ['DPP-005: for another host', () => ({ claims: { htu: `http://evil.example/xrpc/${LIST}` } })],
    ['DPP-005: for another path', () => ({ claims: { htu: alice.url(CREATE) } })],
    ['from two minutes ago', () => ({ claims: { iat: Math.floor(Date.now() / 1000) - 120 } })],
    ['from the future', () => ({ claims: { iat: Math.floor(Date.now() / 1000) + 120 } })],
    ['without a jti', () => ({ claims: { jti: undefined } })],
    ['DPP-009: for another token', () => ({ claims: { ath: 'AAAA' } })],
    ['DPP-009: without ath', () => ({ claims: { ath: undefined } })],
    ['of another type', () => ({ header: { typ: 'JWT' } })],
    ['DPP-015: without an algorithm', () => ({ header: { alg: 'none' } })],
    ['with a critical extension', () => ({ header: { crit: ['exp'] } })],
  ]
  it.each(wrong)('is refused %s', async (_what, overrides) => {
    const answer = await alice.callOnce('GET', LIST, { params: params() }, overrides())
    expect(answer.status).toBe(401)
    expect(challengeOf(answer)).toContain('error="invalid_dpop_proof"')
    expect(challengeOf(answer)).not.toContain('invalid_token')
  })

  it('DPP-013: is refused with somebody else’s nonce, which is answered with a fresh one', async () => {
    const answer = await alice.callOnce('GET', LIST, { params: params() }, { claims: { nonce: 'made-up' } })
    expect(answer.status).toBe(401)
    expect(challengeOf(answer)).toContain('error="use_dpop_nonce"')
  })

  it('DPP-007: is not swayed by what a proxy or the sender says about the host', async () => {
    const htu = `http://evil.example/xrpc/${LIST}`
    const headers = {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      host: 'evil.example',
    }
    const answer = await alice.callOnce('GET', LIST, { params: params(), headers }, { claims: { htu } })
    expect(answer.status).toBe(401)
  })
})

describe('a key that nobody has registered', () => {
  const forged = (claims: object, signWith: (input: string) => string, header: object) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const input = `${part(header)}.${part(claims)}`
    return `${input}.${signWith(input)}`
  }
  const claims = () => ({
    iss: network().pdsUrl,
    aud: network().serviceDid,
    sub: aliceDid,
    exp: 4_000_000_000,
    iat: 1,
  })
  const tokens: [string, () => string][] = [
    ['a word', () => 'token'],
    [
      'an unsigned token that says it is alice',
      () => forged(claims(), () => '', { typ: 'at+jwt', alg: 'none' }),
    ],
    [
      'a token signed with a guessed secret',
      () =>
        forged(claims(), (input) => createHmac('sha256', 'secret').update(input).digest('base64url'), {
          typ: 'at+jwt',
          alg: 'HS256',
        }),
    ],
    [
      'a token that the sender signed',
      () => {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const signature = (input: string) =>
          sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
            'base64url',
          )
        return forged(claims(), signature, { typ: 'at+jwt', alg: 'ES256' })
      },
    ],
    [
      'a token without a subject',
      () => forged({ ...claims(), sub: undefined }, () => 'AAAA', { typ: 'at+jwt', alg: 'ES256' }),
    ],
  ]
  it.each(tokens)('is asked to register, whatever the token: %s', async (_what, token) => {
    const stranger = new ProofClient(network().serviceUrl, token())
    const answer = await stranger.call('POST', CREATE, { body: body() })
    expect([answer.status, answer.body.error]).toEqual([401, 'SessionRequired'])
    expect(challengeOf(answer)).toContain('error="session_required"')
    expect(challengeOf(answer)).not.toContain('invalid_token')
  })

  it('reads nothing either', async () => {
    const stranger = new ProofClient(network().serviceUrl)
    for (const nsid of [LIST, 'zone.stratos.server.listDomains']) {
      expect((await stranger.call('GET', nsid, { params: params() })).status).toBe(401)
    }
  })
})

describe('registering a key', () => {
  it('takes a service JWT once', async () => {
    const net = network()
    const serviceAuth = await serviceJwt(net, accountOf(net, 'alice'), CREATE_SESSION)
    const client = new ProofClient(net.serviceUrl)
    const first = await client.call('POST', CREATE_SESSION, { body: { serviceAuth } })
    expect(first).toMatchObject({
      status: 200,
      body: { did: aliceDid, jkt: expect.any(String), expiresAt: expect.any(String) },
    })
    expect((await client.call('POST', CREATE_SESSION, { body: { serviceAuth } })).status).toBe(401)
  })

  it('SVC-005: takes the audience with the fragment of the service', async () => {
    const net = network()
    const aud = `${net.serviceDid}#atproto_pns`
    const serviceAuth = await serviceJwt(net, accountOf(net, 'alice'), CREATE_SESSION, aud)
    const client = new ProofClient(net.serviceUrl)
    expect((await client.call('POST', CREATE_SESSION, { body: { serviceAuth } })).status).toBe(200)
  })

  it.each([
    ['another method', CREATE, undefined],
    ['BND-017: another service', CREATE_SESSION, 'did:web:other.example'],
    ['an unknown fragment', CREATE_SESSION, '#bsky_appview'],
  ])('refuses a token for %s', async (_what, lxm, aud) => {
    const net = network()
    const audience = aud?.startsWith('#') === true ? net.serviceDid + aud : aud
    const serviceAuth = await serviceJwt(net, accountOf(net, 'alice'), lxm, audience)
    const client = new ProofClient(net.serviceUrl)
    expect((await client.call('POST', CREATE_SESSION, { body: { serviceAuth } })).status).toBe(401)
  })

  it('leaves a key with the account that has it', async () => {
    const answer = await alice.register(network(), accountOf(network(), 'bob'))
    expect([answer.status, answer.body.error]).toEqual([409, 'KeyInUse'])
    expect((await alice.call('GET', LIST, { params: params() })).status).toBe(200)
  })

  it('is undone by deleteSession', async () => {
    const client = await ProofClient.signIn(network(), accountOf(network(), 'alice'))
    expect((await client.call('POST', 'zone.stratos.server.deleteSession')).status).toBe(200)
    expect((await client.call('GET', LIST, { params: params() })).body.error).toBe('SessionRequired')
  })

  it('shows an account its own sessions, and ends any of them and nobody else’s', async () => {
    const LIST_SESSIONS = 'zone.stratos.server.listSessions'
    const DELETE = 'zone.stratos.server.deleteSession'
    const [here, lost, bob] = await Promise.all([
      ProofClient.signIn(network(), accountOf(network(), 'carol')),
      ProofClient.signIn(network(), accountOf(network(), 'carol')),
      ProofClient.signIn(network(), accountOf(network(), 'bob')),
    ])
    const sessions = async (client: ProofClient): Promise<{ jkt: string; current: boolean }[]> =>
      (await client.call('GET', LIST_SESSIONS)).body.sessions
    expect((await sessions(here)).map(({ current }) => current).toSorted()).toEqual([false, true])
    const other = (await sessions(lost)).find(({ current }) => current)?.jkt ?? ''
    expect((await bob.call('POST', DELETE, { params: { jkt: other } })).status).toBe(200)
    expect(await sessions(lost)).toHaveLength(2)
    expect((await here.call('POST', DELETE, { params: { jkt: other } })).status).toBe(200)
    expect((await lost.call('GET', LIST_SESSIONS)).body.error).toBe('SessionRequired')
    expect(await sessions(here)).toEqual([
      {
        jkt: expect.any(String),
        createdAt: expect.any(String),
        expiresAt: expect.any(String),
        current: true,
      },
    ])
    const byToken = await serviceJwt(network(), accountOf(network(), 'carol'), DELETE)
    const headers = { authorization: `Bearer ${byToken}` }
    expect((await sendRequest('POST', here.url(DELETE), { headers })).status).toBe(400)
  })

  it('survives a restart of the service', async () => {
    const client = await ProofClient.signIn(network(), accountOf(network(), 'alice'))
    await network().restartService('SIGKILL')
    expect((await client.call('POST', CREATE, { body: body() })).status).toBe(200)
  })
})

describe('a service JWT as bearer token', () => {
  const call = async (lxm: string, nsid: string, method: 'GET' | 'POST', token?: string) => {
    const net = network()
    const jwt = token ?? (await serviceJwt(net, accountOf(net, 'alice'), lxm))
    const url = alice.url(nsid, method === 'GET' ? params() : {})
    const options = method === 'GET' ? {} : { body: body() }
    return {
      jwt,
      answer: await sendRequest(method, url, { ...options, headers: { authorization: `Bearer ${jwt}` } }),
    }
  }

  it('SVC-001: lets its issuer call the method it names', async () => {
    expect((await call(CREATE, CREATE, 'POST')).answer.status).toBe(200)
    expect((await call(LIST, LIST, 'GET')).answer.body.records.length).toBeGreaterThan(0)
  })

  it('SVC-003: opens no other method, not even an alias', async () => {
    expect((await call(LIST, CREATE, 'POST')).answer.status).toBe(401)
    expect((await call(CREATE, 'zone.stratos.repo.createRecord', 'POST')).answer.status).toBe(401)
  })

  it('SVC-007: is used up by a procedure', async () => {
    const { jwt } = await call(CREATE, CREATE, 'POST')
    expect((await call(CREATE, CREATE, 'POST', jwt)).answer.status).toBe(401)
  })

  it('holds up nobody with a key that takes long to read', async () => {
    const stranger = await startWebIdentity()
    const { account, did } = stranger
    const key = `z${'y'.repeat(60_000)}`
    for (const type of [
      'Multikey',
      'EcdsaSecp256r1VerificationKey2019',
      'EcdsaSecp256k1VerificationKey2019',
    ]) {
      const method = { id: `${did}#atproto`, type, controller: did, publicKeyMultibase: key }
      stranger.pages.set('/.well-known/did.json', () => ({ json: { id: did, verificationMethod: [method] } }))
      for (let times = 0; times < 3; times += 1) {
        const exp = Math.floor(Date.now() / 1000) + 60
        const token = await account.serviceJwt({ aud: network().serviceDid, lxm: LIST, exp })
        expect((await call(LIST, LIST, 'GET', token)).answer.status).toBe(401)
      }
    }
    await stranger.close()
  }, 20_000)

  it('counts nobody who has left before it was found out who they are', async () => {
    const stranger = await startWebIdentity()
    const { json } = stranger.pages.get('/.well-known/did.json')?.(undefined as never, '') ?? { json: {} }
    const gate = Promise.withResolvers<void>()
    stranger.pages.set('/.well-known/did.json', () => ({ json, after: gate.promise }))
    const tokenOf = () => {
      const exp = Math.floor(Date.now() / 1000) + 60
      return stranger.account.serviceJwt({ aud: network().serviceDid, lxm: LIST, exp })
    }
    const leaving = new AbortController()
    const url = alice.url(LIST, params())
    const left = Array.from({ length: 200 }, async () => {
      const headers = { authorization: `Bearer ${await tokenOf()}` }
      await fetch(url, { headers, signal: leaving.signal }).catch(() => undefined)
    })
    await waitUntil('looking for the key', () => stranger.asked.length > 0)
    // Those who are asked about after them have been heard.
    await sendRequest('GET', url)
    leaving.abort()
    await Promise.all(left)
    await sendRequest('GET', url)
    gate.resolve()
    for (let times = 0; times < 3; times += 1)
      expect((await call(LIST, LIST, 'GET', await tokenOf())).answer.status).toBe(200)
    await stranger.close()
  })

  it('keeps no very large document of its issuer', async () => {
    for (const [padding, looks] of [
      [100, 1],
      [20_000, 2],
    ] as const) {
      const services = (origin: string) => [
        { id: '#x', type: 'X', serviceEndpoint: `${origin}/${'x'.repeat(padding)}` },
      ]
      const stranger = await startWebIdentity(services)
      for (let times = 0; times < 2; times += 1) {
        const exp = Math.floor(Date.now() / 1000) + 60
        const token = await stranger.account.serviceJwt({ aud: network().serviceDid, lxm: LIST, exp })
        expect((await call(LIST, LIST, 'GET', token)).answer.status).toBe(200)
      }
      expect(stranger.asked).toHaveLength(looks)
      await stranger.close()
    }
  })

  it('arrives through the PDS of a user that proxies the call', async () => {
    const net = network()
    const { AtpAgent } = await import('@atproto/api')
    const agent = new AtpAgent({ service: net.pdsUrl })
    const { handle, password } = accountOf(net, 'alice')
    await agent.login({ identifier: handle, password })
    const proxied = await agent.sessionManager.fetchHandler('/xrpc/zone.stratos.repo.createRecord', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'atproto-proxy': `${net.serviceDid}#atproto_pns` },
      body: JSON.stringify(body()),
    })
    expect(proxied.status).toBe(200)
  })
})

describe('administration', () => {
  const setBoundaries = (credentials: string | null, boundaries: unknown) =>
    sendRequest('POST', alice.url('zone.stratos.admin.setBoundaries'), {
      body: { did: aliceDid, boundaries },
      headers:
        credentials === null ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    })

  it('is closed without the password', async () => {
    for (const credentials of [null, 'admin:', 'admin:wrong', `root:${network().adminPassword}`]) {
      expect((await setBoundaries(credentials, [])).status).toBe(401)
    }
    expect(
      (
        await alice.call('POST', 'zone.stratos.admin.setBoundaries', {
          body: { did: aliceDid, boundaries: [] },
        })
      ).status,
    ).toBe(401)
  })

  it('refuses boundaries that do not exist, and changes nothing', async () => {
    const admin = `admin:${network().adminPassword}`
    for (const boundaries of [
      ['general'],
      ['did:web:other.example/general'],
      [`${network().serviceDid}/nowhere`],
      [1],
    ]) {
      expect((await setBoundaries(admin, boundaries)).status).toBe(400)
    }
    const { body: status } = await alice.call('GET', 'zone.stratos.enrollment.status', {
      params: { did: aliceDid },
    })
    expect(status.boundaries).toHaveLength(2)
  })
})

it('TOK-029: treats a made-up scheme, two credentials and a proof without a credential as bad, everywhere', async () => {
  const open = alice.url('zone.stratos.server.listDomains')
  const proof = alice.proof('GET', open)
  const attempts: Record<string, string>[] = [
    { authorization: `Token ${randomUUID()}` },
    { authorization: `Bearer ${aliceDid}` },
    { dpop: proof },
    { authorization: `DPoP a, DPoP b`, dpop: proof },
  ]
  for (const headers of attempts) {
    expect((await sendRequest('GET', open, { headers })).status).toBe(401)
  }
})
