import { generateKeyPairSync } from 'node:crypto'
import { JoseKey } from '@atproto/oauth-client-node'
import { StratosError } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { ath, ClientKey, encodeJson, type Members } from '../../tests/_util/signing.ts'
import { DpopNonces } from './dpop-nonce.ts'
import { DpopProofs, type DpopProofInput } from './dpop-proof.ts'
import { ReplayCache } from './replay-cache.ts'

const NOW_SEC = 1_800_000_000
const nowMs = () => NOW_SEC * 1000
const METHOD = 'POST'
const URL_HERE = 'https://stratos.example/xrpc/com.atproto.repo.createRecord'
const TOKEN = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJkaWQ6cGxjOmJvYiJ9.'
const SECRET = Buffer.alloc(32, 1)
const NONCE = new DpopNonces(SECRET, nowMs).current()

const GOOD = { htm: METHOD, htu: URL_HERE, iat: NOW_SEC, nonce: NONCE, ath: ath(TOKEN) }

function setUp(options: { requireNonce?: boolean; clockMs?: () => number } = {}) {
  const clockMs = options.clockMs ?? nowMs
  const replays = new ReplayCache({ shared: null, nowMs: clockMs })
  const proofs = new DpopProofs({
    nonces: new DpopNonces(SECRET, clockMs),
    requireNonce: options.requireNonce ?? true,
    replays,
    nowMs: clockMs,
  })
  const check = async (proof: string | string[], input: Partial<DpopProofInput> = {}) => {
    const whole = { proofs: [proof].flat(), method: METHOD, url: URL_HERE, accessToken: TOKEN, ...input }
    const { jkt, use } = await proofs.verify(whole)
    await use()
    return { jkt }
  }
  return { check, replays }
}

async function refusal(attempt: Promise<unknown>): Promise<StratosError> {
  const outcome = await attempt.then(
    () => new Error('was accepted'),
    (err: unknown) => err,
  )
  if (outcome instanceof StratosError) return outcome
  throw outcome
}

describe('DpopProofs', () => {
  it.each(['ES256', 'ES256K'] as const)(
    'returns the thumbprint of an %s key that signed this request',
    async (alg) => {
      const key = new ClientKey(alg)
      expect(await setUp().check(key.proof(GOOD))).toEqual({ jkt: key.jkt })
    },
  )

  it.each(['ES256', 'ES256K'])('understands the proofs of the OAuth client library, by %s', async (alg) => {
    const key = await JoseKey.generate([alg])
    const { check } = setUp()
    const jkts = new Set<string>()
    for (let i = 0; i < 8; i++) {
      const proof = await key.createJwt(
        { alg, typ: 'dpop+jwt', jwk: key.bareJwk },
        { ...GOOD, jti: `0.${i}` },
      )
      jkts.add((await check(proof)).jkt)
    }
    expect(jkts.size).toBe(1)
  })

  it('accepts the proof that RFC 9449 gives for a protected resource', async () => {
    const header =
      'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19'
    const payload =
      'eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9'
    const signature = '2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA'
    const { check } = setUp({ requireNonce: false, clockMs: () => 1_562_262_620_000 })
    const outcome = await check(`${header}.${payload}.${signature}`, {
      method: 'GET',
      url: 'https://resource.example.org/protectedresource',
      accessToken: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
    })
    expect(outcome.jkt).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I')
  })

  it('DPP-011: takes iat up to a minute off, query and fragment in htu, and members it does not know', async () => {
    const { check } = setUp()
    const key = new ClientKey()
    for (const change of [
      { iat: NOW_SEC - 60 },
      { iat: NOW_SEC + 60 },
      { htu: `${URL_HERE}?a=b#c` },
      { jti: 'x' },
      { jti: 'y'.repeat(256) },
      { extra: { nested: true } },
    ]) {
      expect(await check(key.proof({ ...GOOD, ...change }), {})).toEqual({ jkt: key.jkt })
    }
    expect(await check(key.proof(GOOD, { kid: 'key-1' }))).toEqual({ jkt: key.jkt })
    for (const iat of [NOW_SEC - 60, NOW_SEC + 60]) {
      const proof = key.proof({ ...GOOD, iat, nonce: undefined })
      expect(await refusal(check(proof))).toMatchObject({ code: 'UseDpopNonce' })
    }
  })

  it('needs no ath where there is no token', async () => {
    const key = new ClientKey()
    expect(await setUp().check(key.proof({ ...GOOD, ath: undefined }), { accessToken: null })).toEqual({
      jkt: key.jkt,
    })
  })

  describe('refuses with InvalidDpopProof', () => {
    const key = new ClientKey()
    const other = new ClientKey()
    const k256 = new ClientKey('ES256K')
    const bad = (header: Members, claims: Members = {}) => key.proof({ ...GOOD, ...claims }, header)
    const claims = (changes: Members) => bad({}, changes)
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
    const unsigned = `${encodeJson({ typ: 'dpop+jwt', alg: 'none', jwk: key.jwk })}.${encodeJson(GOOD)}`
    const [goodHeader = '', goodPayload = '', goodSignature = ''] = key
      .proof({ ...GOOD, jti: 'parts' })
      .split('.')

    it.each<[string, string | string[], RegExp]>([
      ['no proof', [], /must be a DPoP header/],
      ['DPP-017: two proofs', [key.proof(GOOD), key.proof(GOOD)], /one DPoP header/],
      ['DPP-017: two proofs in one header', `${key.proof(GOOD)}, ${key.proof(GOOD)}`, /compact form/],
      ['DPP-017: an empty header', '', /compact form/],
      ['two parts', `${goodHeader}.${goodPayload}`, /compact form/],
      ['an empty signature', `${goodHeader}.${goodPayload}.`, /compact form/],
      ['a huge proof', bad({ filler: 'x'.repeat(10_000) }), /longer than/],
      ['a header that is no object', key.signText(`${encodeJson([])}.${encodeJson(GOOD)}`), /header is not/],
      ['a payload that is no object', key.signText(`${goodHeader}.${encodeJson('text')}`), /payload is not/],
      ['no typ', bad({ typ: undefined }), /typ/],
      ['typ JWT', bad({ typ: 'JWT' }), /typ/],
      ['alg none', bad({ alg: 'none' }), /alg must/],
      ['alg none without a signature', `${unsigned}.AA`, /alg must/],
      ['alg HS256', bad({ alg: 'HS256' }), /alg must/],
      ['alg RS256 with an RSA key', bad({ alg: 'RS256', jwk: rsa }), /alg must/],
      ['alg ES256 with an RSA key', bad({ jwk: rsa }), /EC key on P-256/],
      ['alg es256', bad({ alg: 'es256' }), /alg must/],
      ['alg as the name of an object method', bad({ alg: 'toString' }), /alg must/],
      ['alg ES256K with a P-256 key', bad({ alg: 'ES256K' }), /EC key on secp256k1/],
      ['alg ES256 with a secp256k1 key', k256.proof(GOOD, { alg: 'ES256' }), /EC key on P-256/],
      ['no jwk', bad({ jwk: undefined }), /jwk/],
      ['jwk as text', bad({ jwk: 'key' }), /jwk/],
      ['a symmetric jwk', bad({ jwk: { kty: 'oct', k: 'AAAA' } }), /private/],
      ['a private jwk', bad({ jwk: { ...key.jwk, d: 'AAAA' } }), /private/],
      ['a private jwk with an empty d', bad({ jwk: { ...key.jwk, d: null } }), /private/],
      ['a point that is not on the curve', bad({ jwk: { ...key.jwk, x: key.jwk.y } }), /not a point/],
      ['a point at zero', bad({ jwk: { ...key.jwk, x: 'A'.repeat(43), y: 'A'.repeat(43) } }), /not a point/],
      ['a short coordinate', bad({ jwk: { ...key.jwk, x: 'AAAA' } }), /coordinate/],
      ['a padded coordinate', bad({ jwk: { ...key.jwk, x: `${key.jwk.x}=` } }), /coordinate/],
      ['crit', bad({ crit: ['b64'] }), /crit/],
      ['b64', bad({ b64: false }), /b64/],
      ['jku', bad({ jku: 'https://evil.example/keys' }), /jku/],
      ['the key of somebody else', bad({ jwk: other.jwk }), /signature/],
      ['another payload', `${goodHeader}.${encodeJson({ ...GOOD, jti: 'z' })}.${goodSignature}`, /signature/],
      ['half a signature', `${goodHeader}.${goodPayload}.${goodSignature.slice(0, 43)}`, /compact|signature/],
      ['a signature of zeros', `${goodHeader}.${goodPayload}.${'A'.repeat(86)}`, /signature/],
      ['no htm', claims({ htm: undefined }), /htm/],
      ['another htm', claims({ htm: 'GET' }), /htm/],
      ['htm in lower case', claims({ htm: 'post' }), /htm/],
      ['no htu', claims({ htu: undefined }), /htu/],
      ['htu that is no text', claims({ htu: [URL_HERE] }), /htu/],
      ['another host', claims({ htu: URL_HERE.replace('stratos', 'evil') }), /htu/],
      ['another scheme', claims({ htu: URL_HERE.replace('https', 'http') }), /htu/],
      ['another port', claims({ htu: URL_HERE.replace('.example', '.example:8443') }), /htu/],
      ['another method of ours', claims({ htu: URL_HERE.replace('create', 'delete') }), /htu/],
      ['no iat', claims({ iat: undefined }), /iat/],
      ['iat as text', claims({ iat: String(NOW_SEC) }), /iat/],
      ['iat as a fraction', claims({ iat: NOW_SEC + 0.5 }), /iat/],
      ['iat beyond numbers', claims({ iat: 1e308 }), /iat/],
      ['iat null', claims({ iat: null }), /iat/],
      ['iat too old', claims({ iat: NOW_SEC - 61 }), /iat/],
      ['iat too new', claims({ iat: NOW_SEC + 61 }), /iat/],
      ['no jti', claims({ jti: undefined }), /jti/],
      ['an empty jti', claims({ jti: '' }), /jti/],
      ['a jti that is no text', claims({ jti: 7 }), /jti/],
      ['a long jti', claims({ jti: 'x'.repeat(257) }), /jti/],
      ['a jti of few characters and many bytes', claims({ jti: 'ü'.repeat(129) }), /jti/],
      ['no ath', claims({ ath: undefined }), /ath/],
      ['the ath of another token', claims({ ath: ath(`${TOKEN}x`) }), /ath/],
      ['a padded ath', claims({ ath: `${ath(TOKEN)}=` }), /ath/],
    ])('%s', async (_, proof, why) => {
      const error = await refusal(setUp().check(proof))
      expect(error).toMatchObject({ code: 'InvalidDpopProof' })
      expect(error.message).toMatch(why)
    })
  })

  describe('asks for a nonce', () => {
    const key = new ClientKey()
    const elsewhere = new DpopNonces(Buffer.alloc(32, 9), nowMs).current()
    const old = new DpopNonces(SECRET, () => nowMs() - 180_000).current()

    it.each([
      ['without one', undefined],
      ['with one of another service', elsewhere],
      ['with one of three minutes ago', old],
      ['with an empty one', ''],
      ['with one that is no text', 12],
    ])('when a proof comes %s', async (_, nonce) => {
      const { check } = setUp()
      expect(await refusal(check(key.proof({ ...GOOD, nonce })))).toMatchObject({ code: 'UseDpopNonce' })
    })

    it('only after the signature and the URL were found right', async () => {
      const { check } = setUp()
      const proof = key.proof({ ...GOOD, nonce: undefined, htu: 'https://evil.example/' })
      expect(await refusal(check(proof))).toMatchObject({ code: 'InvalidDpopProof' })
    })

    it('for one that is not ours even where none is required', async () => {
      const { check } = setUp({ requireNonce: false })
      expect(await check(key.proof({ ...GOOD, nonce: undefined }))).toEqual({ jkt: key.jkt })
      expect(await refusal(check(key.proof({ ...GOOD, nonce: elsewhere })))).toMatchObject({
        code: 'UseDpopNonce',
      })
    })
  })

  it('accepts a proof once, also when a hundred copies arrive together', async () => {
    const { check } = setUp()
    const proof = new ClientKey().proof(GOOD)
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => check(proof)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await refusal(check(proof))).message).toMatch(/used before/)
  })

  it('accepts the same jti from another key', async () => {
    const { check } = setUp()
    const [a, b] = [new ClientKey(), new ClientKey()]
    await check(a.proof({ ...GOOD, jti: 'same' }))
    expect(await check(b.proof({ ...GOOD, jti: 'same' }))).toEqual({ jkt: b.jkt })
  })

  it('remembers a proof for as long as its iat is acceptable', async () => {
    let clockSec = NOW_SEC
    const { check } = setUp({ requireNonce: false, clockMs: () => clockSec * 1000 })
    const key = new ClientKey()
    const proof = key.proof({ ...GOOD, nonce: undefined, iat: NOW_SEC + 60 })
    await check(proof)
    for (; clockSec <= NOW_SEC + 120; clockSec += 10) {
      // Traffic, so that the memory has reason to turn over.
      await check(key.proof({ ...GOOD, nonce: undefined, iat: clockSec }))
      expect((await refusal(check(proof))).message).toMatch(/used before/)
    }
    clockSec += 1
    expect((await refusal(check(proof))).message).toMatch(/iat/)
  })

  it('uses nothing up for a proof that is refused', async () => {
    const { check, replays } = setUp()
    const key = new ClientKey()
    const claims = { ...GOOD, jti: 'once' }
    const [header = '', payload = ''] = key.proof(claims).split('.')
    const forged = `${header}.${payload}.${Buffer.alloc(64, 1).toString('base64url')}`
    await refusal(check(forged))
    await refusal(check(key.proof({ ...claims, ath: ath('other') })))
    await refusal(check(key.proof({ ...claims, nonce: undefined })))
    expect(replays.size).toBe(0)
    expect(await check(key.proof(claims))).toEqual({ jkt: key.jkt })
  })

  it('knows a key again and still checks what it signed', async () => {
    const { check } = setUp()
    const key = new ClientKey()
    await check(key.proof(GOOD))
    const [header = ''] = key.proof(GOOD).split('.')
    const forged = new ClientKey().signText(`${header}.${encodeJson({ ...GOOD, jti: 'forged' })}`)
    expect((await refusal(check(forged))).message).toMatch(/signature/)
    expect(await check(key.proof(GOOD))).toEqual({ jkt: key.jkt })
  })

  it('says nothing of the proof or the token in its errors', async () => {
    const { check } = setUp()
    for (const change of [
      { htu: 'https://canary.example/' },
      { iat: 'canary' },
      { jti: 9 },
      { ath: 'canary' },
    ]) {
      const { message } = await refusal(check(new ClientKey().proof({ ...GOOD, ...change })))
      expect(message).not.toMatch(/canary|eyJ/)
    }
  })
})
