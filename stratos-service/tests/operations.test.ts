import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { P256Keypair, verifySignature } from '@atproto/crypto'
import { decode, encode } from '@atproto/lex-cbor'
import { parseDid, signAttestation, verifyAttestation } from 'stratos-core'
import { ProofClient, sendRequest, serviceJwt } from 'test-network'
import { describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { readOffline } from './_util/offline.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork({ enrolled: true, serviceEnv: { STRATOS_LOG_LEVEL: 'trace' } })

const routes = readFileSync(join(import.meta.dirname, '../src/xrpc/routes.snapshot.txt'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' ')[0] ?? '')

const basic = (password: string) => `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`

async function serviceKeyOf(): Promise<string> {
  const { body } = await sendRequest('GET', `${network().serviceUrl}/.well-known/did.json`)
  const method = body.verificationMethod.find(
    ({ id }: { id: string }) => id === `${network().serviceDid}#atproto`,
  )
  return `did:key:${method.publicKeyMultibase}`
}

describe('keys and attestations', () => {
  it('CRY-001: the DID document holds public keys alone, and #atproto is the one that attests', async () => {
    const net = network()
    const { body } = await sendRequest('GET', `${net.serviceUrl}/.well-known/did.json`)
    for (const method of body.verificationMethod) {
      expect(Object.keys(method).toSorted()).toEqual(['controller', 'id', 'publicKeyMultibase', 'type'])
    }
    const key = readFileSync(join(net.directory, 'service', 'data', 'signing_key'))
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      expect(JSON.stringify(body)).not.toContain(key.toString(encoding))
    }
    const alice = accountOf(net, 'alice')
    const client = await ProofClient.signIn(net, alice)
    const status = await client.call('GET', 'zone.stratos.enrollment.status', { params: { did: alice.did } })
    expect(status.body.attestation.signingKey).toBe(await serviceKeyOf())
  })

  it('CRY-005: an attestation that somebody made with a key of their own does not count', async () => {
    const mallory = await P256Keypair.create()
    const did = parseDid(accountOf(network(), 'bob').did)
    const claimed = { did, boundaries: [`${network().serviceDid}/writers`], signingKey: mallory.did() }
    const forged = await signAttestation(claimed, mallory)
    await expect(verifyAttestation(claimed, forged, await serviceKeyOf())).rejects.toMatchObject({
      code: 'InvalidRecord',
    })
    const borrowed = { ...forged, signingKey: await serviceKeyOf() }
    await expect(verifyAttestation(claimed, borrowed, await serviceKeyOf())).rejects.toMatchObject({
      code: 'InvalidRecord',
    })
  })

  it('CRY-007: every commit is signed by the one key that the enrollment names', async () => {
    const net = network()
    const alice = accountOf(net, 'alice')
    const keyOf = async () => {
      const params = new URLSearchParams({ did: alice.did })
      const url = `${net.serviceUrl}/xrpc/zone.stratos.admin.getEnrollment?${params}`
      return (await sendRequest('GET', url, { headers: { authorization: basic(net.adminPassword) } })).body
        .signingKey
    }
    const key = await keyOf()
    for (const round of [1, 2]) {
      const client = await ProofClient.signIn(net, alice)
      const record = post(net.serviceDid, `round ${round}`, ['general'])
      const written = await client.call('POST', 'com.atproto.repo.createRecord', {
        body: { repo: alice.did, collection: POST, record },
      })
      expect(written.status).toBe(200)
      await net.setBoundaries(alice.did, ['general', 'writers'])
      await net.stopService()
      const block = await readOffline(net, alice.did, async ({ repo }) => {
        const head = await repo.findHead()
        return head === null ? null : repo.findBlock(head.cid.toString())
      })
      await net.restartService()
      const { sig, ...unsigned } = decode(block ?? new Uint8Array()) as { sig: Uint8Array }
      // Refuses high-S signatures and other curves.
      expect(await verifySignature(key, encode(unsigned), sig)).toBe(true)
      expect(await keyOf()).toBe(key)
    }
  })
})

/** Answers of the service to what clients get wrong, method by method. */
const NONSENSE: readonly unknown[] = [
  {},
  [],
  null,
  'text',
  { repo: 7, did: [], uri: {}, uris: 'x', writes: 'y', boundary: null, boundaries: {}, key: {}, queue: 1 },
  { repo: '\u0000', did: 'did:', uri: 'at://', uris: ['at://'], collection: '..', rkey: '/', cursor: '%00' },
  { did: `did:plc:${'a'.repeat(3_000)}`, repo: `did:web:${'b.'.repeat(900)}c`, limit: 1e308 },
  { __proto__: { admin: true }, constructor: 1, did: 'did:plc:\u202Eabc', repo: 'did:plc:a\nb' },
  JSON.parse(`${'['.repeat(2_000)}${']'.repeat(2_000)}`),
]
const PARAMS = [
  'did',
  'uri',
  'viewer',
  'repo',
  'collection',
  'rkey',
  'cursor',
  'limit',
  'subject',
  'cid',
  'dids',
]
const VALUES = [
  '',
  '\u0000',
  'did:plc:x',
  "'; drop table enrollment; --",
  '9'.repeat(400),
  '-1',
  '%',
  'at://did:plc:x/y/z',
]

describe('nonsense', () => {
  it.each(routes)('OPS-007: sent to %s is refused as such', async (nsid) => {
    const net = network()
    const client = await aliceOnce()
    const url = `${net.serviceUrl}/xrpc/${nsid}`
    const authorization = nsid.includes('.admin.') ? basic(net.adminPassword) : undefined
    const answers = []
    for (const body of NONSENSE) {
      answers.push(
        authorization === undefined
          ? await client.call('POST', nsid, { body })
          : await sendRequest('POST', url, { body, headers: { authorization } }),
      )
    }
    for (const value of VALUES) {
      const params = Object.fromEntries(PARAMS.map((name) => [name, value]))
      answers.push(
        authorization === undefined
          ? await client.call('GET', nsid, { params })
          : await sendRequest('GET', `${url}?${new URLSearchParams(params)}`, { headers: { authorization } }),
      )
    }
    for (const { status, bytes, headers } of answers) {
      expect(status, bytes.toString()).toBeLessThan(500)
      expect(headers['x-request-id']).toMatch(/^\S+$/)
      expect(bytes.toString()).not.toMatch(/\.ts:\d|node_modules|SQLITE|select "|syntax error at/)
    }
  })
})

let alice: Promise<ProofClient> | undefined
function aliceOnce(): Promise<ProofClient> {
  alice ??= ProofClient.signIn(network(), accountOf(network(), 'alice'))
  return alice
}

describe('the log', () => {
  it('OPS-003: holds no token, proof, password or content, at any level', async () => {
    const net = network()
    const bob = accountOf(net, 'bob')
    const client = await ProofClient.signIn(net, bob)
    const words = 'these words are for nobody to log'
    const jwt = await serviceJwt(net, bob, 'zone.stratos.enrollment.status')
    const statusUrl = `${net.serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${bob.did}`
    const bad = `${jwt.slice(0, -6)}AAAAAA`
    for (const token of [jwt, bad]) {
      await sendRequest('GET', statusUrl, { headers: { authorization: `Bearer ${token}` } })
      await sendRequest('GET', `${statusUrl}&syncToken=${token}`)
    }
    const record = post(net.serviceDid, words, ['general'])
    for (const collection of [POST, 'not a collection']) {
      const body = { repo: bob.did, collection, record }
      await client.call('POST', 'com.atproto.repo.createRecord', { body })
    }
    const url = client.url('zone.stratos.enrollment.status', { did: bob.did })
    const proof = client.proof('GET', url)
    await client.send('GET', url, { headers: { dpop: proof } })
    await client.send('GET', url, { headers: { dpop: proof } })
    const wrong = 'a wrong password of somebody'
    for (const password of [net.adminPassword, wrong]) {
      const headers = { authorization: basic(password) }
      await sendRequest('GET', `${net.serviceUrl}/xrpc/zone.stratos.admin.stats`, { headers })
    }
    await sendRequest('GET', `${net.serviceUrl}/oauth/callback?code=a-code-of-ours&state=a-state-of-ours`)

    const log = () => readFileSync(join(net.directory, 'service', 'service.log'), 'utf8')
    await expect.poll(log).toContain('/oauth/callback')
    const secrets = [jwt, bad, proof, client.token, words, wrong, net.adminPassword, bob.password].flatMap(
      (text) => [text, Buffer.from(text).toString('base64').replace(/=+$/, '')],
    )
    const signature = jwt.split('.')[2] ?? ''
    for (const secret of [
      ...secrets,
      signature,
      basic(net.adminPassword),
      'a-code-of-ours',
      'a-state-of-ours',
    ]) {
      expect(log().includes(secret), secret).toBe(false)
    }
  })
})
