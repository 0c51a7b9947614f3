import { createServiceJwt } from '@atproto/xrpc-server'
import { Secp256k1Keypair } from '@atproto/crypto'
import { parseDid, parseNsid, StratosError } from 'stratos-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Account, ClientKey, Directory, encodeJson, type Members } from '../../tests/_util/signing.ts'
import { ReplayCache } from './replay-cache.ts'
import { ServiceJwts } from './service-jwt.ts'

const NOW_SEC = 1_800_000_000
const US = 'did:web:stratos.example'
const LXM = parseNsid('zone.stratos.repo.createRecord')
const GOOD = { aud: US, lxm: LXM, exp: NOW_SEC + 60, iat: NOW_SEC }
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

let alice: Account
let browser: Account

beforeAll(async () => {
  alice = await Account.create('did:plc:alice', 'ES256K')
  browser = await Account.create('did:web:bob.example', 'ES256')
})

function setUp(nowSec = NOW_SEC) {
  const nowMs = () => nowSec * 1000
  const directory = new Directory(() => new StratosError('AuthenticationRequired', 'unknown DID'))
  for (const account of [alice, browser]) directory.publish(account.did, account.signingKey)
  const replays = new ReplayCache({ shared: null, nowMs })
  const jwts = new ServiceJwts({
    audiences: new Set([US, `${US}#atproto_pns`]),
    keys: directory,
    replays,
    nowMs,
  })
  const verify = (token: string, once = true) => jwts.verify(token, { lxm: LXM, once })
  return { verify, directory, replays }
}

async function refusal(attempt: Promise<unknown>): Promise<StratosError> {
  const outcome = await attempt.then(
    () => new Error('was accepted'),
    (err: unknown) => err,
  )
  if (outcome instanceof StratosError) return outcome
  throw outcome
}

describe('ServiceJwts', () => {
  it('names the account that signed, for either kind of key and either form of our name', async () => {
    const { verify } = setUp()
    for (const account of [alice, browser]) {
      for (const aud of [US, `${US}#atproto_pns`]) {
        expect(await verify(await account.serviceJwt({ ...GOOD, aud }))).toEqual({
          iss: account.did,
          aud,
          lxm: LXM,
          expiresAtMs: (GOOD.exp + 30) * 1000,
        })
      }
    }
  })

  it('accepts what @atproto/xrpc-server signs', async () => {
    const nowSec = Math.floor(Date.now() / 1000)
    const { verify, directory } = setUp(nowSec)
    const keypair = await Secp256k1Keypair.create()
    const iss = parseDid('did:web:appview.example')
    directory.publish(iss, keypair.did())
    const token = await createServiceJwt({ iss, aud: US, lxm: LXM, keypair })
    expect(await verify(token)).toMatchObject({ iss, aud: US })
  })

  it('allows clocks to differ by half a minute, lives up to five minutes, and a token without iat or typ', async () => {
    const { verify } = setUp()
    for (const change of [
      { exp: NOW_SEC - 29 },
      { exp: NOW_SEC + 330 },
      { iat: NOW_SEC + 30 },
      { iat: undefined },
      { nbf: NOW_SEC + 30 },
    ]) {
      expect(
        await verify(await alice.serviceJwt({ ...GOOD, ...change })),
        JSON.stringify(change),
      ).toBeTruthy()
    }
    expect(await verify(await alice.serviceJwt(GOOD, { typ: undefined }))).toBeTruthy()
  })

  describe('refuses', () => {
    const header = (changes: Members) => () => alice.serviceJwt(GOOD, changes)
    const claims = (changes: Members) => () => alice.serviceJwt({ ...GOOD, ...changes })
    const rewritten = (rewrite: (parts: string[]) => string[]) => async () =>
      rewrite((await alice.serviceJwt(GOOD)).split('.')).join('.')

    it.each<[string, () => Promise<string>, RegExp]>([
      ['SVC-011: typ at+jwt', header({ typ: 'at+jwt' }), /typ/],
      ['SVC-011: typ refresh+jwt', header({ typ: 'refresh+jwt' }), /typ/],
      ['SVC-011: typ dpop+jwt', header({ typ: 'dpop+jwt' }), /typ/],
      ['typ in another spelling', header({ typ: 'application/AT+JWT' }), /typ/],
      ['typ that is no text', header({ typ: 1 }), /typ/],
      ['SVC-009: alg none', header({ alg: 'none' }), /alg/],
      ['alg NONE', header({ alg: 'NONE' }), /alg/],
      ['alg none and a space', header({ alg: 'none ' }), /alg/],
      ['SVC-009: alg HS256', header({ alg: 'HS256' }), /alg/],
      ['alg RS256', header({ alg: 'RS256' }), /alg/],
      ['no alg', header({ alg: undefined }), /alg/],
      ['SVC-009: ES256 with a secp256k1 key', header({ alg: 'ES256' }), /signature/],
      ['SVC-009: ES256K with a P-256 key', () => browser.serviceJwt(GOOD, { alg: 'ES256K' }), /signature/],
      ['crit', header({ crit: ['exp'] }), /crit/],
      ['b64', header({ b64: false }), /b64/],
      ['a key in the header', header({ jwk: new ClientKey().jwk }), /jwk/],
      ['a link to a key', header({ jku: 'https://evil.example/jwks' }), /jku/],
      ['a link to a certificate', header({ x5u: 'https://evil.example/x5' }), /x5u/],
      ['no iss', claims({ iss: undefined }), /iss/],
      ['iss with a fragment', claims({ iss: 'did:plc:alice#atproto' }), /iss/],
      ['iss that is no DID', claims({ iss: 'alice.example' }), /iss/],
      ['iss in a list', claims({ iss: ['did:plc:alice'] }), /iss/],
      ['iss that nobody knows', claims({ iss: 'did:plc:nobody' }), /unknown DID/],
      ['the iss of somebody else', claims({ iss: 'did:web:bob.example' }), /signature/],
      ['no aud', claims({ aud: undefined }), /aud/],
      ['another aud', claims({ aud: 'did:web:other.example' }), /aud/],
      ['an aud that begins like ours', claims({ aud: `${US}.evil.example` }), /aud/],
      ['a fragment that is not ours', claims({ aud: `${US}#bsky_appview` }), /aud/],
      ['aud in a list', claims({ aud: [US] }), /aud/],
      ['no lxm', claims({ lxm: undefined }), /lxm/],
      ['another lxm', claims({ lxm: 'zone.stratos.enrollment.unenroll' }), /lxm/],
      ['the lxm of an alias', claims({ lxm: 'com.atproto.repo.createRecord' }), /lxm/],
      ['lxm *', claims({ lxm: '*' }), /lxm/],
      ['no exp', claims({ exp: undefined }), /exp/],
      ['exp as text', claims({ exp: String(GOOD.exp) }), /exp/],
      ['exp as a fraction', claims({ exp: GOOD.exp + 0.5 }), /exp/],
      ['exp beyond numbers', claims({ exp: 1e308 }), /exp/],
      ['a negative exp', claims({ exp: -1 }), /exp/],
      ['exp null', claims({ exp: null }), /exp/],
      ['exp in the past', claims({ exp: NOW_SEC - 30 }), /expired/],
      ['exp too far ahead', claims({ exp: NOW_SEC + 331 }), /ahead/],
      ['iat in the future', claims({ iat: NOW_SEC + 31 }), /future/],
      ['iat as text', claims({ iat: 'now' }), /iat/],
      ['nbf in the future', claims({ nbf: NOW_SEC + 31 }), /future/],
      ['no jti', claims({ jti: undefined }), /jti/],
      ['an empty jti', claims({ jti: '' }), /jti/],
      ['a jti that is no text', claims({ jti: 1 }), /jti/],
      ['a long jti', claims({ jti: 'x'.repeat(257) }), /jti/],
      ['a bare DID', async () => 'did:plc:alice', /compact/],
      ['no signature', rewritten(([h = '', p = '']) => [h, p]), /compact/],
      ['an empty signature', rewritten(([h = '', p = '']) => [h, p, '']), /compact/],
      [
        'half a signature',
        rewritten(([h = '', p = '', s = '']) => [h, p, s.slice(0, 44)]),
        /compact|signature/,
      ],
      [
        'another payload',
        rewritten(([h = '', , s = '']) => [h, encodeJson({ ...GOOD, iss: 'did:plc:alice' }), s]),
        /signature|jti/,
      ],
      [
        'the other, high form of the signature',
        rewritten(([h = '', p = '', s = '']) => [h, p, highS(s)]),
        /signature/,
      ],
    ])('%s', async (_, makeToken, why) => {
      const error = await refusal(setUp().verify(await makeToken()))
      expect(error).toMatchObject({ code: 'AuthenticationRequired' })
      expect(error.message).toMatch(why)
    })
  })

  it('lets a token be used once where it must be, also when copies arrive together', async () => {
    const { verify } = setUp()
    const token = await alice.serviceJwt(GOOD)
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => verify(token)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await refusal(verify(token))).message).toMatch(/used before/)
  })

  it('lets a token for a query be used until it expires, with or without jti', async () => {
    const { verify, replays } = setUp()
    for (const token of [await alice.serviceJwt(GOOD), await alice.serviceJwt({ ...GOOD, jti: undefined })]) {
      await verify(token, false)
      expect(await verify(token, false)).toMatchObject({ iss: alice.did })
    }
    expect(replays.size).toBe(0)
  })

  it('does not let a forged token use up the jti of another', async () => {
    const { verify } = setUp()
    const claims = { ...GOOD, jti: 'mine' }
    const [header = '', payload = ''] = (await alice.serviceJwt(claims)).split('.')
    await refusal(verify(`${header}.${payload}.${Buffer.alloc(64, 1).toString('base64url')}`))
    expect(await verify(await alice.serviceJwt(claims))).toMatchObject({ iss: alice.did })
  })

  it('keeps the identifiers of two accounts apart', async () => {
    const { verify } = setUp()
    await verify(await alice.serviceJwt({ ...GOOD, jti: 'same' }))
    expect(await verify(await browser.serviceJwt({ ...GOOD, jti: 'same' }))).toMatchObject({
      iss: browser.did,
    })
  })

  describe('when the signature does not match the cached key', () => {
    it('asks for the new one, once, and accepts it, also on the other curve', async () => {
      for (const alg of ['ES256K', 'ES256'] as const) {
        const { verify, directory } = setUp()
        await verify(await alice.serviceJwt(GOOD))
        const rotated = await Account.create(alice.did, alg)
        directory.publish(alice.did, rotated.signingKey)
        expect(await verify(await rotated.serviceJwt(GOOD))).toMatchObject({ iss: alice.did })
        expect(directory.refreshes).toBe(1)
        // The old key is worth nothing once the new one is known.
        expect((await refusal(verify(await alice.serviceJwt(GOOD)))).message).toMatch(/signature/)
      }
    })

    it('refuses what the new one did not sign either', async () => {
      const { verify, directory } = setUp()
      await verify(await alice.serviceJwt(GOOD))
      directory.publish(alice.did, (await Account.create(alice.did)).signingKey)
      const impostor = await Account.create(alice.did)
      expect((await refusal(verify(await impostor.serviceJwt(GOOD)))).message).toMatch(/signature/)
    })

    it('refuses if there is no new one', async () => {
      const { verify, directory } = setUp()
      const impostor = await Account.create(alice.did)
      expect((await refusal(verify(await impostor.serviceJwt(GOOD)))).message).toMatch(/signature/)
      expect(directory.refreshes).toBe(1)
    })
  })

  it('looks nobody up for a token that is wrong in itself', async () => {
    const { verify, directory } = setUp()
    const lookups: string[] = []
    directory.resolveSigningKey = async (did) => {
      lookups.push(did)
      return alice.signingKey
    }
    for (const change of [
      { aud: 'did:web:other.example' },
      { lxm: 'a.b.c' },
      { exp: 1 },
      { jti: undefined },
    ]) {
      await refusal(verify(await alice.serviceJwt({ ...GOOD, ...change })))
    }
    expect(lookups).toEqual([])
  })

  it('says nothing of the token in its errors', async () => {
    for (const change of [{ aud: 'canary' }, { lxm: 'canary' }, { iss: 'canary' }, { exp: 'canary' }]) {
      const { message } = await refusal(setUp().verify(await alice.serviceJwt({ ...GOOD, ...change })))
      expect(message).not.toMatch(/canary|eyJ/)
    }
  })
})

function highS(signature: string): string {
  const bytes = Buffer.from(signature, 'base64url')
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const high = (CURVE_ORDER - s).toString(16).padStart(64, '0')
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(high, 'hex')]).toString('base64url')
}
