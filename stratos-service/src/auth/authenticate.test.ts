import { createServer } from 'node:http'
import { once } from 'node:events'
import { connect } from 'node:net'
import { parseDid, StratosError } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import {
  basic,
  BOUNDARY,
  METHOD,
  ORIGIN,
  PATH,
  PDS_TOKEN,
  request,
  setUpAuth,
  US,
} from '../../tests/_util/auth-setup.ts'
import { ath, ClientKey, encodeJson } from '../../tests/_util/signing.ts'

type Setup = Awaited<ReturnType<typeof setUpAuth>>

const CHALLENGE = 'www-authenticate'
const NONCE = 'dpop-nonce'

async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
    return 'accepted'
  } catch (err) {
    if (err instanceof StratosError) return err.code
    throw err
  }
}

describe('Authenticator', () => {
  it('takes a request without a credential for anonymous and asks nothing of it', async () => {
    const { auth } = await setUpAuth()
    const sent = request()
    expect(await auth.authenticate(sent, METHOD, 'query')).toEqual({
      viewer: { kind: 'anonymous' },
      jkt: null,
    })
    expect([...sent.answered]).toEqual([])
  })

  it('recognises a member by service token', async () => {
    const { auth, alice, jwt } = await setUpAuth()
    const sent = request(['Authorization', `Bearer ${await jwt(alice)}`])
    expect(await auth.authenticate(sent, METHOD, 'query')).toEqual({
      viewer: { kind: 'user', did: alice.did, enrolled: true, boundaries: new Set([BOUNDARY]) },
      jkt: null,
    })
    expect([...sent.answered]).toEqual([])
  })

  it('recognises a member by session key, and sends the nonce along', async () => {
    const { auth, alice, registered, withKey, nonces } = await setUpAuth()
    const key = await registered(alice)
    const sent = request(withKey(key))
    expect(await auth.authenticate(sent, METHOD, 'query')).toEqual({
      viewer: { kind: 'user', did: alice.did, enrolled: true, boundaries: new Set([BOUNDARY]) },
      jkt: key.jkt,
    })
    expect([...sent.answered]).toEqual([[NONCE, nonces.current()]])
  })

  it('recognises somebody who is not enrolled, and somebody who no longer is', async () => {
    const { auth, alice, visitor, jwt, enrolled } = await setUpAuth()
    const stranger = { enrolled: false, boundaries: new Set() }
    const asked = async (token: string) =>
      (await auth.authenticate(request(['Authorization', `Bearer ${token}`]), METHOD, 'query')).viewer
    expect(await asked(await jwt(visitor))).toMatchObject(stranger)
    enrolled.delete(alice.did)
    expect(await asked(await jwt(alice))).toMatchObject(stranger)
  })

  it('takes an allow-listed service for one by its token, and for a mere user by a session key', async () => {
    const { auth, appview, jwt, registered, withKey } = await setUpAuth()
    const byToken = await auth.authenticate(
      request(['Authorization', `Bearer ${await jwt(appview)}`]),
      METHOD,
      'query',
    )
    expect(byToken.viewer).toEqual({ kind: 'service', did: appview.did })
    const byKey = await auth.authenticate(request(withKey(await registered(appview))), METHOD, 'query')
    expect(byKey.viewer).toMatchObject({ kind: 'user', did: appview.did, enrolled: false })
  })

  it('lets a token for a procedure be used once, one for a query again', async () => {
    const { auth, alice, jwt } = await setUpAuth()
    const headers = ['Authorization', `Bearer ${await jwt(alice)}`]
    const attempt = (kind: 'query' | 'procedure') =>
      outcomeOf(auth.authenticate(request(headers), METHOD, kind))
    expect([await attempt('query'), await attempt('query')]).toEqual(['accepted', 'accepted'])
    expect([await attempt('procedure'), await attempt('procedure')]).toEqual([
      'accepted',
      'AuthenticationRequired',
    ])
  })

  it('reads nothing from the access token, whoever signed it and whatever it says', async () => {
    const { auth, alice, registered, proof } = await setUpAuth()
    const key = await registered(alice)
    const forged = (claims: object) => `${encodeJson({ alg: 'none' })}.${encodeJson(claims)}.AA`
    for (const token of [forged({ sub: 'did:plc:visitor', exp: 1, cnf: { jkt: 'other' } }), 'opaque']) {
      const headers = (k: ClientKey) => [
        'Authorization',
        `DPoP ${token}`,
        'DPoP',
        proof(k, { ath: ath(token) }),
      ]
      const { viewer } = await auth.authenticate(request(headers(key)), METHOD, 'query')
      expect(viewer).toMatchObject({ did: alice.did })
      const stranger = auth.authenticate(request(headers(new ClientKey())), METHOD, 'query')
      expect(await outcomeOf(stranger)).toBe('SessionRequired')
    }
  })

  describe('refuses, also where no credential is needed,', () => {
    type Case = [string, (setup: Setup) => Promise<string[]>, string, string, boolean]
    const key = new ClientKey()
    const cases: Case[] = [
      [
        'an unregistered key',
        async (s) => s.withKey(key),
        'SessionRequired',
        'DPoP error="session_required"',
        true,
      ],
      [
        'a proof without nonce',
        async (s) => s.withKey(key, { nonce: undefined }),
        'UseDpopNonce',
        'DPoP error="use_dpop_nonce"',
        true,
      ],
      [
        'a proof for another URL',
        async (s) => s.withKey(key, { htu: `${ORIGIN}/xrpc/other` }),
        'InvalidDpopProof',
        'DPoP error="invalid_dpop_proof"',
        true,
      ],
      [
        'a token without proof',
        async () => ['Authorization', `DPoP ${PDS_TOKEN}`],
        'InvalidDpopProof',
        'DPoP error="invalid_dpop_proof"',
        true,
      ],
      [
        'a proof without token',
        async (s) => ['DPoP', s.proof(key)],
        'AuthenticationRequired',
        'DPoP algs=',
        true,
      ],
      [
        'two proofs',
        async (s) => [...s.withKey(key), 'dpop', s.proof(key)],
        'InvalidDpopProof',
        'DPoP error="invalid_dpop_proof"',
        true,
      ],
      [
        'two tokens',
        async (s) => [...s.withKey(key), 'authorization', `DPoP ${PDS_TOKEN}`],
        'AuthenticationRequired',
        'DPoP algs=',
        true,
      ],
      [
        'a service token with a proof',
        async (s) => ['Authorization', `Bearer ${await s.jwt(s.alice)}`, 'DPoP', s.proof(key)],
        'AuthenticationRequired',
        'Bearer realm',
        true,
      ],
      [
        'a token for a PDS under Bearer',
        async () => ['Authorization', `Bearer ${PDS_TOKEN}`],
        'AuthenticationRequired',
        'Bearer realm',
        false,
      ],
      [
        'a DID under Bearer',
        async () => ['Authorization', 'Bearer did:plc:alice'],
        'AuthenticationRequired',
        'DPoP algs=',
        false,
      ],
      [
        'a service token for another method',
        async (s) => [
          'Authorization',
          `Bearer ${await s.jwt(s.alice, { lxm: 'zone.stratos.enrollment.unenroll' })}`,
        ],
        'AuthenticationRequired',
        'Bearer realm',
        false,
      ],
      [
        'a service token for another service',
        async (s) => ['Authorization', `Bearer ${await s.jwt(s.alice, { aud: `${US}.evil.example` })}`],
        'AuthenticationRequired',
        'Bearer realm',
        false,
      ],
      ['the administrator', async () => basic('pass:word'), 'AuthenticationRequired', 'Basic realm', false],
      [
        'an unknown scheme',
        async () => ['Authorization', 'Digest abc'],
        'AuthenticationRequired',
        'DPoP algs=',
        false,
      ],
      ['an empty header', async () => ['Authorization', ''], 'AuthenticationRequired', 'DPoP algs=', false],
    ]

    it.each(cases)('%s', async (_, headers, code, challenge, withNonce) => {
      const setup = await setUpAuth()
      const sent = request(await headers(setup))
      expect(await outcomeOf(setup.auth.authenticate(sent, METHOD, 'query'))).toBe(code)
      expect(sent.answered.get(CHALLENGE)?.startsWith(challenge), sent.answered.get(CHALLENGE)).toBe(true)
      expect(sent.answered.get(CHALLENGE)).not.toContain('invalid_token')
      expect(sent.answered.get(NONCE)).toBe(withNonce ? setup.nonces.current() : undefined)
    })
  })

  it('believes neither Host nor a forwarding header', async () => {
    const { auth, alice, registered, withKey } = await setUpAuth()
    const key = await registered(alice)
    const forwarded = [
      'X-Forwarded-Host',
      'evil.example',
      'X-Forwarded-Proto',
      'http',
      'Forwarded',
      'host=evil.example',
    ]
    for (const htu of [`https://evil.example${PATH}`, `http://stratos.example${PATH}`]) {
      const sent = request([...forwarded, ...withKey(key, { htu })])
      expect(await outcomeOf(auth.authenticate(sent, METHOD, 'query'))).toBe('InvalidDpopProof')
    }
    const right = request([...forwarded, ...withKey(key)])
    expect(await outcomeOf(auth.authenticate(right, METHOD, 'query'))).toBe('accepted')
  })

  it.each(['http://evil.example/xrpc/a', `${ORIGIN}${PATH}`, 'HTTP://x/', '*', 'stratos.example:443', ''])(
    'refuses %j as a request target, with a credential or without',
    async (url) => {
      const { auth, alice, registered, withKey } = await setUpAuth()
      const headers = withKey(await registered(alice), { htu: url })
      for (const rawHeaders of [[], headers]) {
        const sent = request(rawHeaders, { url })
        expect(await outcomeOf(auth.authenticate(sent, METHOD, 'query'))).toBe('InvalidRequest')
      }
    },
  )

  it('forgets a session key when it is dropped', async () => {
    const { auth, alice, registered, withKey, sessions } = await setUpAuth()
    const key = await registered(alice)
    const attempt = () => outcomeOf(auth.authenticate(request(withKey(key)), METHOD, 'query'))
    expect(await attempt()).toBe('accepted')
    await sessions.deleteAll(alice.did)
    expect(await attempt()).toBe('SessionRequired')
  })

  describe('proveKey', () => {
    it('names an unregistered key, with a token or without', async () => {
      const { auth, withKey, proof, nonces } = await setUpAuth()
      const key = new ClientKey('ES256K')
      for (const headers of [withKey(key), ['DPoP', proof(key, { ath: undefined })]]) {
        const sent = request(headers)
        expect((await auth.proveKey(sent)).jkt).toBe(key.jkt)
        expect(sent.answered.get(NONCE)).toBe(nonces.current())
      }
    })

    it('refuses a request without proof, a wrong proof, and other credentials', async () => {
      const { auth, withKey, proof, alice, jwt } = await setUpAuth()
      const key = new ClientKey()
      for (const [headers, code] of [
        [[], 'InvalidDpopProof'],
        [['Authorization', `DPoP ${PDS_TOKEN}`], 'InvalidDpopProof'],
        [withKey(key, { ath: undefined }), 'InvalidDpopProof'],
        [withKey(key, { nonce: 'old' }), 'UseDpopNonce'],
        [['Authorization', `Bearer ${await jwt(alice)}`, 'DPoP', proof(key)], 'AuthenticationRequired'],
        [basic('pass:word'), 'AuthenticationRequired'],
      ] as const) {
        const sent = request(headers)
        expect(await outcomeOf(auth.proveKey(sent))).toBe(code)
        expect(sent.answered.get(CHALLENGE)).toMatch(/^DPoP /)
      }
    })
  })

  describe('authenticateOperator', () => {
    it('knows the administrator', async () => {
      const { auth } = await setUpAuth()
      expect(await auth.authenticateOperator(request(basic('pass:word')), METHOD, 'query')).toEqual({
        kind: 'operator',
        name: 'admin',
      })
    })

    it('knows the accounts that the operator has named, by token for the method and by session key', async () => {
      const setup = await setUpAuth({ admins: new Set([parseDid('did:plc:alice')]) })
      const { auth, alice, visitor, jwt, registered, withKey } = setup
      const operator = { kind: 'operator', name: alice.did }
      const ask = (headers: readonly string[]) => auth.authenticateOperator(request(headers), METHOD, 'query')
      expect(await ask(['Authorization', `Bearer ${await jwt(alice)}`])).toEqual(operator)
      expect(await ask(withKey(await registered(alice)))).toEqual(operator)
      expect(await ask(basic('pass:word'))).toMatchObject({ name: 'admin' })
      for (const headers of [
        ['Authorization', `Bearer ${await jwt(alice, { lxm: 'zone.stratos.admin.enroll' })}`],
        ['Authorization', `Bearer ${await jwt(visitor)}`],
        withKey(await registered(visitor)),
      ]) {
        expect(await outcomeOf(ask(headers))).toBe('AuthenticationRequired')
      }
    })

    it('refuses everybody else and asks for a password', async () => {
      const { auth, alice, appview, jwt, registered, withKey } = await setUpAuth()
      for (const headers of [
        [],
        basic('wrong'),
        basic(''),
        ['Authorization', 'Bearer pass:word'],
        ['Authorization', `Bearer ${await jwt(appview)}`],
        withKey(await registered(alice)),
        [...basic('pass:word'), ...basic('pass:word')],
      ]) {
        const sent = request(headers)
        expect(await outcomeOf(auth.authenticateOperator(sent, METHOD, 'query'))).toBe(
          'AuthenticationRequired',
        )
        expect(sent.answered.get(CHALLENGE)).toMatch(/^Basic /)
      }
    })
  })

  describe('with a limit on failures', () => {
    it('refuses an address after too many bad credentials, and lets anonymous requests through', async () => {
      const { auth, alice, registered, withKey, clock } = await setUpAuth({ maxFailures: 3 })
      const key = await registered(alice)
      const attempt = (headers: readonly string[], address?: string) =>
        outcomeOf(
          auth.authenticate(request(headers, address === undefined ? {} : { address }), METHOD, 'query'),
        )
      for (let i = 0; i < 3; i++) {
        expect(await attempt(['Authorization', 'Bearer x'])).toBe('AuthenticationRequired')
      }
      expect(await attempt(withKey(key))).toBe('RateLimitExceeded')
      expect(await attempt([])).toBe('accepted')
      expect(await attempt(withKey(key), '198.51.100.1')).toBe('accepted')
      clock.nowMs += 60_000
      expect(await attempt(withKey(key))).toBe('accepted')
    })

    it('does not count what happens to honest clients', async () => {
      const { auth, withKey } = await setUpAuth({ maxFailures: 1 })
      for (let i = 0; i < 5; i++) {
        const noNonce = auth.authenticate(
          request(withKey(new ClientKey(), { nonce: undefined })),
          METHOD,
          'query',
        )
        expect(await outcomeOf(noNonce)).toBe('UseDpopNonce')
        const unknownKey = auth.authenticate(request(withKey(new ClientKey())), METHOD, 'query')
        expect(await outcomeOf(unknownKey)).toBe('SessionRequired')
      }
    })
  })

  it('DPP-017: sees repeated headers and absolute targets as Node hands them over', async () => {
    const { auth, alice, registered, withKey, proof } = await setUpAuth()
    const key = await registered(alice)
    const server = createServer((req, res) => {
      const { method = '', url = '', rawHeaders } = req
      const setHeader = (name: string, value: string) => void res.setHeader(name, value)
      outcomeOf(auth.authenticate({ method, url, rawHeaders, address: '', setHeader }, METHOD, 'query')).then(
        (outcome) => res.end(outcome),
        (err: unknown) => res.destroy(err instanceof Error ? err : undefined),
      )
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const send = async (target: string, headers: readonly string[]) => {
      const lines = [`GET ${target} HTTP/1.1`, 'Host: evil.example', 'Connection: close']
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
      const socket = connect(port, '127.0.0.1').end(`${lines.join('\r\n')}\r\n\r\n`)
      return (await socket.toArray()).join('')
    }
    try {
      expect(await send(PATH, withKey(key))).toContain('accepted')
      expect(await send(PATH, [...withKey(key), 'DPoP', proof(key)])).toContain('InvalidDpopProof')
      expect(await send(PATH, [...withKey(key), 'Authorization', 'DPoP x'])).toContain(
        'AuthenticationRequired',
      )
      expect(await send(ORIGIN + PATH, withKey(key))).toContain('InvalidRequest')
    } finally {
      server.close()
    }
  })
})
