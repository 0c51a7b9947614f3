import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { ProofClient, startNetwork, type Network } from 'test-network'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startLoneService } from './_util/lone-service.ts'
import { makeUpAccount, type MadeUpAccount } from './_util/made-up-account.ts'
import { accountOf } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ClientKey, encodeJson, type Members } from './_util/signing.ts'

const LIST_SESSIONS = 'zone.stratos.server.listSessions'
const CREATE = 'com.atproto.repo.createRecord'

let network: Network
let user: MadeUpAccount
let mallory: MadeUpAccount

beforeAll(async () => {
  network = await startNetwork({
    enrolled: true,
    serviceEnv: { STRATOS_AUTH_FAILURES_PER_MINUTE: '100000' },
  })
  mallory = await makeUpAccount()
})
beforeEach(async () => {
  user = await makeUpAccount()
  return () => user.close()
})
afterAll(async () => {
  await mallory?.close()
  await network?.close()
})

const nowSec = () => Math.floor(Date.now() / 1000)

function claimsFor(account: MadeUpAccount, jkt: string): Members {
  return {
    iss: account.origin,
    sub: account.did,
    aud: network.serviceDid,
    iat: nowSec(),
    exp: nowSec() + 300,
    jti: randomUUID(),
    scope: 'atproto',
    cnf: { jkt },
  }
}

/** A client whose token names its own key, as an authorization server would issue it. */
function clientWith(build: (jkt: string) => string): ProofClient {
  return ProofClient.withToken(network.serviceUrl, build)
}

function tokenOf(
  account: MadeUpAccount,
  claims: Members = {},
  header: Members = {},
  key = account.keys[0],
): (jkt: string) => string {
  return (jkt) => {
    if (key === undefined) throw new Error('the account has no key')
    const whole = { typ: 'at+jwt', alg: key.alg, kid: key.jkt, ...header }
    return key.signText(`${encodeJson(whole)}.${encodeJson({ ...claimsFor(account, jkt), ...claims })}`)
  }
}

const call = (build: (jkt: string) => string) => clientWith(build).call('GET', LIST_SESSIONS)

describe('an access token whose authorization server publishes its keys', () => {
  it.each(['ES256', 'ES256K'] as const)('is as good as a session key, signed by %s', async (alg) => {
    user.keys = [new ClientKey(alg)]
    expect(await call(tokenOf(user))).toMatchObject({ status: 200, body: { sessions: [] } })
  })

  it('is checked with keys that are remembered, unless they are very large', async () => {
    const looks = () => user.asked.filter((path) => path === '/jwks').length
    for (let times = 0; times < 2; times += 1) expect((await call(tokenOf(user))).status).toBe(200)
    expect(looks()).toBe(1)
    const large = await makeUpAccount()
    large.extraJwks = [{ kty: 'EC', x5c: ['x'.repeat(100_000)] }]
    for (let times = 0; times < 2; times += 1) expect((await call(tokenOf(large))).status).toBe(200)
    expect(large.asked.filter((path) => path === '/jwks')).toHaveLength(2)
    await large.close()
  })

  it('may name us by DID, by fragment or by origin, and others beside us', async () => {
    const { serviceDid, serviceUrl } = network
    for (const aud of [
      `${serviceDid}#atproto_pns`,
      serviceUrl,
      [serviceDid],
      ['https://other.example', serviceUrl],
    ]) {
      expect((await call(tokenOf(user, { aud }))).status).toBe(200)
    }
  })

  it('is found good by a key that the server has just begun to use', async () => {
    expect((await call(tokenOf(mallory))).status).toBe(200)
    user.keys = [new ClientKey()]
    expect((await call(tokenOf(user))).status).toBe(200)
  })

  it('makes nobody look for keys at will', async () => {
    await call(tokenOf(user))
    const before = user.asked.filter((path) => path === '/jwks').length
    for (let i = 0; i < 5; i++) expect((await call(tokenOf(user, {}, {}, new ClientKey()))).status).toBe(401)
    expect(user.asked.filter((path) => path === '/jwks')).toHaveLength(before)
  })

  const wrong: [string, () => (jkt: string) => string][] = [
    [
      'TOK-001: unsigned',
      () => (jkt) => `${encodeJson({ typ: 'at+jwt', alg: 'none' })}.${encodeJson(claimsFor(user, jkt))}.AA`,
    ],
    [
      'TOK-023: signed with a secret',
      () => (jkt) => {
        const input = `${encodeJson({ typ: 'at+jwt', alg: 'HS256' })}.${encodeJson(claimsFor(user, jkt))}`
        return `${input}.${createHmac('sha256', 'secret').update(input).digest('base64url')}`
      },
    ],
    [
      'TOK-007: signed with an RSA key',
      () => (jkt) => {
        const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
        user.extraJwks = [{ ...publicKey.export({ format: 'jwk' }), kid: 'rsa' }]
        const input = `${encodeJson({ typ: 'at+jwt', alg: 'RS256', kid: 'rsa' })}.${encodeJson(claimsFor(user, jkt))}`
        return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
      },
    ],
    ['TOK-007: whose alg is spelt otherwise', () => tokenOf(user, {}, { alg: 'es256' })],
    ['TOK-007: whose alg is another curve’s', () => tokenOf(user, {}, { alg: 'ES256K' })],
    ['TOK-003: from a server that is not the account’s', () => tokenOf(mallory, { sub: user.did })],
    ['TOK-005: for an account elsewhere', () => tokenOf(user, { sub: accountOf(network, 'bob').did })],
    ['TOK-009: bound to another key', () => tokenOf(user, { cnf: { jkt: new ClientKey().jkt } })],
    ['bound to no key', () => tokenOf(user, { cnf: undefined })],
    ['with a confirmation that is no object', () => tokenOf(user, { cnf: 'jkt' })],
    ['TOK-011: without an end', () => tokenOf(user, { exp: undefined })],
    ['without a beginning', () => tokenOf(user, { iat: undefined })],
    ['that has expired', () => tokenOf(user, { iat: nowSec() - 600, exp: nowSec() - 60 })],
    ['from the future', () => tokenOf(user, { iat: nowSec() + 120, exp: nowSec() + 300 })],
    ...['4000000000', 4e9 + 0.5, 1e308, -1, null].map((exp): [string, () => (jkt: string) => string] => [
      `TOK-013: that ends at ${JSON.stringify(exp)}`,
      () => tokenOf(user, { exp }),
    ]),
    ['TOK-015: that lives for more than a day', () => tokenOf(user, { exp: nowSec() + 90_000 })],
    ['for the account’s PDS', () => tokenOf(user, { aud: user.origin })],
    ['TOK-017: for nobody', () => tokenOf(user, { aud: undefined })],
    ['TOK-017: for an empty list', () => tokenOf(user, { aud: [] })],
    ['for its PDS, which this service does not accept', () => tokenOf(user, { aud: user.origin })],
    ['for somebody whose name begins like ours', () => tokenOf(user, { aud: `${network.serviceDid}x` })],
    ['of another type', () => tokenOf(user, {}, { typ: 'JWT' })],
    ['without a type', () => tokenOf(user, {}, { typ: undefined })],
    ['TOK-021: with a critical extension', () => tokenOf(user, {}, { crit: ['x'] })],
    ['TOK-021: with an unencoded payload', () => tokenOf(user, {}, { b64: false })],
    ['TOK-021: with a key of its own', () => tokenOf(user, {}, { jwk: user.keys[0]?.jwk })],
    ['TOK-021: with an address of keys', () => tokenOf(user, {}, { jku: `${mallory.origin}/jku` })],
    ['by a key that the server does not publish', () => tokenOf(user, {}, {}, new ClientKey())],
    ['with an issuer that is nearly right', () => tokenOf(user, { iss: `${user.origin}/` })],
    ['for a subject that is no DID', () => tokenOf(user, { sub: 'alice.test' })],
    ['TOK-027: of two parts', () => (jkt) => tokenOf(user)(jkt).split('.').slice(0, 2).join('.')],
    ['TOK-027: of four parts', () => (jkt) => `${tokenOf(user)(jkt)}.AA`],
    ['TOK-027: with an empty part', () => (jkt) => tokenOf(user)(jkt).replace(/\.[^.]*\./, '..')],
    ['TOK-027: with padding', () => (jkt) => `${tokenOf(user)(jkt)}==`],
    ['TOK-027: of eight thousand characters', () => tokenOf(user, { padding: 'x'.repeat(8_000) })],
  ]
  it.each(wrong)('is refused, and its bearer asked to register: %s', async (_what, build) => {
    const answer = await call(build())
    expect(answer.status).toBe(401)
    expect(String(answer.headers['www-authenticate'])).not.toContain('invalid_token')
    expect(mallory.asked).not.toContain('/jku')
  })

  it('is refused where its server publishes private members with the key', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = privateKey.export({ format: 'jwk' })
    user.keys = []
    user.extraJwks = [{ ...jwk, kid: 'leaked' }]
    const answer = await call((jkt) => {
      const input = `${encodeJson({ typ: 'at+jwt', alg: 'ES256', kid: 'leaked' })}.${encodeJson(claimsFor(user, jkt))}`
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
      return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
    })
    expect(answer.status).toBe(401)
  })

  it('TOK-025: speaks for the account whose PDS names the server, and for no other account of that server', async () => {
    const borrowed = await makeUpAccount()
    borrowed.pages.set('/.well-known/oauth-protected-resource', () => ({
      json: { resource: borrowed.origin, authorization_servers: [user.origin] },
    }))
    expect((await call(tokenOf(user, { sub: borrowed.did }))).status).toBe(200)
    expect((await call(tokenOf(user, { sub: accountOf(network, 'alice').did }))).status).toBe(401)
    await borrowed.close()
  })

  it('TOK-029: is refused as a bearer token', async () => {
    const client = clientWith(tokenOf(user))
    const url = client.url(LIST_SESSIONS)
    const answer = await client.send('GET', url, { headers: { authorization: `Bearer ${client.token}` } })
    expect(answer.status).toBe(401)
  })

  it('makes no administrator and ends no session', async () => {
    const client = clientWith(tokenOf(user))
    expect((await client.call('GET', 'zone.stratos.admin.stats')).status).toBe(401)
    const ended = await client.call('POST', 'zone.stratos.server.deleteSession', { params: { jkt: 'any' } })
    expect([ended.status, ended.body.error]).toEqual([403, 'InsufficientScope'])
  })

  it('opens nothing that takes an enrollment while there is none', async () => {
    const record = post(network.serviceDid, 'x', ['general'])
    const body = { repo: user.did, collection: POST, record }
    const answer = await clientWith(tokenOf(user, { scope: 'atproto transition:generic' })).call(
      'POST',
      CREATE,
      { body },
    )
    expect([answer.status, answer.body.error]).toEqual([400, 'NotEnrolled'])
  })
})

describe('with STRATOS_ACCEPT_PDS_AUDIENCE', () => {
  it('a token for the account’s own PDS is good, and one for another PDS is not', async () => {
    await using service = await startLoneService({ STRATOS_ACCEPT_PDS_AUDIENCE: 'true' })
    const ask = (aud: string) =>
      ProofClient.withToken(service.url, tokenOf(user, { aud })).call('GET', LIST_SESSIONS)
    expect(await ask(user.origin)).toMatchObject({ status: 200, body: { sessions: [] } })
    expect((await ask(mallory.origin)).status).toBe(401)
  })
})
