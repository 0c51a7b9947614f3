/** The examples and checks of the SDK against a whole network. */
import { Agent, AtpAgent } from '@atproto/api'
import { startNetwork, waitUntil, type Network } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { withAtcute } from '../examples/atcute.ts'
import { moveRepo } from '../examples/bulk-import.ts'
import { feed } from '../examples/feed.ts'
import { follow } from '../examples/follow.ts'
import { readGroup } from '../examples/group.ts'
import { postImage } from '../examples/image.ts'
import { post } from '../examples/post.ts'
import { readAndVerify } from '../examples/read-and-verify.ts'
import {
  buildBoundary,
  buildStratosScopes,
  createAccountDiscovery,
  createSigningKeyResolver,
  createStratosAgent,
  createStratosFetchHandler,
  fetchAndVerifyRecord,
  fetchEnrollmentStatus,
  findStratosClientError,
  getEnrollmentByServiceDid,
  hydrateRecords,
  isStratosError,
  resolveServiceSigningKey,
  resolveUserSigningKey,
  subscribeRecords,
  verifyCidIntegrity,
  verifyEnrollment,
  verifyMembershipAttestation,
  buildBlobUrl,
  fetchBlob,
  signBlobUrls,
  uploadBlob,
  type FetchHandler,
  type MembershipAttestation,
} from '../src/index.ts'
import { serve } from './_util/scripted-server.ts'

const COLLECTION = 'zone.stratos.feed.post'

let network: Network
beforeAll(async () => {
  network = await startNetwork({ enrolled: true })
  // The public records follow at their own pace.
  for (const { did, boundaries } of network.accounts) {
    await waitUntil('the enrollment is published', async () => {
      const found = await getEnrollmentByServiceDid(did, network.pdsUrl, network.serviceDid)
      return found?.boundaries.length === boundaries.length
    })
  }
}, 180_000)
afterAll(() => network?.close())

const account = (name: string) => network.accounts.find(({ handle }) => handle === `${name}.test`)!
const writers = () => `${network.serviceDid}/writers`
const place = () => ({
  serviceUrl: network.serviceUrl,
  serviceDid: network.serviceDid,
  plcUrl: network.plcUrl,
  authorPds: network.pdsUrl,
})
const session = (name: string) => network.appPasswordAgent(account(name))
const write = async (name: string) =>
  post(await session(name), network.serviceUrl, account(name).did, writers())
const rkeyOf = (uri: string) => uri.split('/').at(-1)!
const keyOf = (name: string) => resolveUserSigningKey(network.pdsUrl, account(name).did, network.serviceDid)

interface HydrationAnswer {
  records: { uri: string; cid: string; value: { text?: string } }[]
  proof?: { $bytes: string }
}

/** Changes what a service answers on its way to the client. */
function tampered(handler: FetchHandler, change: (body: Uint8Array) => Uint8Array | string): FetchHandler {
  return async (url, init) => {
    const response = await handler(url, init)
    const body = change(new Uint8Array(await response.arrayBuffer()))
    return new Response(typeof body === 'string' ? body : Uint8Array.from(body), {
      status: response.status,
      headers: { 'content-type': response.headers.get('content-type') ?? '' },
    })
  }
}
const tamperedJson = (handler: FetchHandler, change: (body: HydrationAnswer) => void) =>
  tampered(handler, (bytes) => {
    const body = JSON.parse(new TextDecoder().decode(bytes)) as HydrationAnswer
    change(body)
    return JSON.stringify(body)
  })

describe('the examples', () => {
  it('post, read and verify', async () => {
    const { uri, cid } = await write('alice')
    const found = await readAndVerify(await session('bob'), place(), account('alice').did, rkeyOf(uri))
    expect(found).toMatchObject({ level: 'user-signature', record: { text: 'Only for the writers.' } })
    expect(cid).toMatch(/^bafyrei/)
  })

  it('make a feed of stubs, in order and verified', async () => {
    const { uri, cid } = await write('alice')
    const { uri: second } = await write('alice')
    const agent = createStratosAgent(await session('bob'), network.serviceUrl)
    const stub = (subject: object) => ({
      source: { vary: 'authenticated', subject, service: `${network.serviceDid}#atproto_pns` },
    })
    const missing = `at://${account('alice').did}/${COLLECTION}/3jzfcijpj2z2a`
    const { results, posts } = await feed(agent, place(), [
      stub({ uri: missing, cid }),
      stub({ uri, cid }),
      { text: 'no stub' },
      stub({ uri: second, cid }),
    ])
    expect(results.map(({ status }) => status)).toEqual(['notFound', 'found', 'changed'])
    expect(posts).toMatchObject([
      { uri, cid, level: 'user-signature', value: { text: 'Only for the writers.' } },
    ])
  })

  it('read what a group has posted', async () => {
    const { uri } = await write('alice')
    const bob = await session('bob')
    const me = { did: account('bob').did, pdsUrl: network.pdsUrl }
    const records = await readGroup(bob, me, writers(), [account('alice').did])
    expect(records.map((record) => record.uri)).toContain(uri)
    await expect(readGroup(bob, me, `${network.serviceDid}/nobody`, [])).rejects.toThrow(
      'you are not in nobody',
    )
  })

  it('export a repo, and import it again', { timeout: 120_000 }, async () => {
    const { stratos } = await write('bob')
    const repo = account('bob').did
    const steps: string[] = []
    const result = await moveRepo(stratos, emptied, repo, (text) => steps.push(text))
    expect(result).toMatchObject({ skipped: [] })
    expect(result.imported).toBeGreaterThan(0)
    expect(steps.slice(-2)).toEqual(['sending', 'done'])

    async function emptied() {
      const { data } = await stratos.com.atproto.repo.listRecords({ repo, collection: COLLECTION })
      for (const { uri } of data.records) {
        await stratos.com.atproto.repo.deleteRecord({ repo, collection: COLLECTION, rkey: rkeyOf(uri) })
      }
      return stratos
    }
  })

  it('work with @atcute/client', async () => {
    const { client, domains } = await withAtcute(await session('alice'), network.serviceUrl)
    expect(domains).toContain(writers())
    expect(client.handler).toBeInstanceOf(Function)
  })

  it('follow a repo', async () => {
    const { did } = account('alice')
    const pds = await session('alice')
    const { uri } = await write('alice')
    const done = new AbortController()
    const seen: string[] = []
    await follow(
      (path, init) => pds.fetchHandler(path, init ?? {}),
      place(),
      did,
      done.signal,
      (line) => {
        seen.push(line)
        if (line.endsWith(rkeyOf(uri))) done.abort()
      },
    )
    expect(seen.at(-1)).toBe(`create ${COLLECTION}/${rkeyOf(uri)}`)
  })
})

describe('an OAuth session', () => {
  it('speaks zone.stratos with types, and is registered before its first request where a store says so', async () => {
    const scope = buildStratosScopes({ serviceDid: network.serviceDid, collections: [] }).join(' ')
    const { session: oauth } = await network.oauthSession(account('alice'), scope)
    const known = new Map<string, { expiresAt: string }>()
    const sessions = {
      get: async (key: string) => known.get(key),
      set: async (key: string, value: { expiresAt: string }) => void known.set(key, value),
      delete: async (key: string) => void known.delete(key),
    }
    const statuses: number[] = []
    const watched = {
      did: oauth.did,
      fetchHandler: async (url: string, init?: RequestInit) => {
        const response = await oauth.fetchHandler(url, init)
        statuses.push(response.status)
        return response
      },
    }
    const agent = createStratosAgent(watched, network.serviceUrl, { auth: 'session-key', sessions })
    expect(agent).toBeInstanceOf(Agent)
    const status = await agent.zone('zone.stratos.enrollment.status', { params: { did: oauth.did } })
    expect(status.boundaries?.map(({ value }) => value)).toContain(writers())
    expect(statuses).not.toContain(401)
    expect(Date.parse([...known.values()][0]!.expiresAt)).toBeGreaterThan(Date.now())
    expect(await fetchEnrollmentStatus(agent, oauth.did)).toMatchObject({ enrolled: true })
  })
})

describe('what is not what it claims to be', () => {
  it('a proof with any byte changed, of another repo, or signed with another key is refused', async () => {
    const { uri } = await write('alice')
    const alice = account('alice').did
    const handler = createStratosFetchHandler(await session('alice'), network.serviceUrl)
    const verify = (fetchFn: FetchHandler, userSigningKey = keyOf('alice'), did = alice) =>
      userSigningKey.then((key) =>
        fetchAndVerifyRecord(network.serviceUrl, did, COLLECTION, rkeyOf(uri), {
          fetchFn,
          userSigningKey: key,
        }),
      )
    expect((await verify(handler)).level).toBe('user-signature')
    const failed = expect.objectContaining({ code: 'VerificationFailed' })
    for (const index of [2, 70, 150, -5]) {
      const flip = tampered(handler, (bytes) => bytes.with(index, bytes.at(index)! ^ 1))
      await expect(verify(flip)).rejects.toEqual(failed)
    }
    // Never lowered to the level that would hold.
    await expect(verify(handler, keyOf('bob'))).rejects.toEqual(failed)
    const query = new URLSearchParams({ did: alice, collection: COLLECTION, rkey: rkeyOf(uri) })
    const response = await handler(`/xrpc/com.atproto.sync.getRecord?${query}`)
    const car = new Uint8Array(await response.arrayBuffer())
    expect((await verifyCidIntegrity(car, COLLECTION, rkeyOf(uri))).level).toBe('cid-integrity')
    await expect(verifyCidIntegrity(car, COLLECTION, rkeyOf(uri), account('bob').did)).rejects.toEqual(failed)
    await expect(verifyCidIntegrity(car, COLLECTION, '3jzfcijpj2z2a')).rejects.toEqual(failed)
  })

  it('a level below the one that was asked for is refused before anything is fetched', async () => {
    let asked = 0
    const fetchFn = () => Promise.reject(new Error(`asked ${++asked}`))
    const key = await resolveServiceSigningKey(network.serviceDid)
    for (const keys of [{}, { serviceSigningKey: key }, { userSigningKey: null }]) {
      const options = { ...keys, fetchFn, minimumLevel: 'user-signature' as const }
      const reading = fetchAndVerifyRecord(network.serviceUrl, account('alice').did, COLLECTION, 'x', options)
      await expect(reading).rejects.toMatchObject({ code: 'VerificationTooWeak' })
    }
    expect(asked).toBe(0)
  })

  it('a commit is not signed by the service, and is not taken for it', async () => {
    const { uri } = await write('alice')
    const fetchFn = createStratosFetchHandler(await session('alice'), network.serviceUrl)
    const serviceSigningKey = await resolveServiceSigningKey(network.serviceDid)
    const options = { fetchFn, serviceSigningKey }
    const reading = fetchAndVerifyRecord(
      network.serviceUrl,
      account('alice').did,
      COLLECTION,
      rkeyOf(uri),
      options,
    )
    await expect(reading).rejects.toMatchObject({ code: 'VerificationFailed' })
  })

  it('hydration finds changed records, swapped CIDs and URIs, missing proofs and silence', async () => {
    const [{ uri, cid, stratos }, other] = [await write('alice'), await write('alice')]
    const through = (change: (body: HydrationAnswer) => void) =>
      hydrateRecords(
        tamperedJson((path, init) => stratos.fetchHandler(path, init ?? {}), change),
        [uri, other.uri],
        { findSigningKey: createSigningKeyResolver(place()) },
      )
    expect((await through(() => {})).map(({ status }) => status)).toEqual(['found', 'found'])
    const failed = expect.objectContaining({ code: 'VerificationFailed' })
    const attempts: ((body: HydrationAnswer) => void)[] = [
      ({ records }) => void (records[0]!.value.text = 'changed'),
      ({ records }) => void (records[0]!.cid = records[1]!.cid),
      ({ records: [one, two] }) => void ([one!.uri, two!.uri] = [two!.uri, one!.uri]),
      ({ records }) => void records.pop(),
      (body) => void delete body.proof,
      (body) => void (body.proof!.$bytes = body.proof!.$bytes.slice(0, -60)),
    ]
    for (const attempt of attempts) await expect(through(attempt)).rejects.toEqual(failed)
    expect(await hydrateRecords(stratos, [{ uri, cid: other.cid }])).toMatchObject([
      { status: 'changed', cid, expectedCid: other.cid },
    ])
    const weak = hydrateRecords(stratos, [uri], { proof: false, minimumLevel: 'cid-integrity' })
    await expect(weak).rejects.toMatchObject({ code: 'VerificationTooWeak' })
  })

  it('more URIs than the service takes at a time come back in order, once for each time asked', async () => {
    const { uri, stratos } = await write('alice')
    const many = Array.from({ length: 150 }, (_, index) =>
      index % 50 === 7 ? uri : `at://${account('alice').did}/${COLLECTION}/none${index}`,
    )
    const results = await hydrateRecords(stratos, many)
    expect(results.map((result) => result.uri)).toEqual(many)
    expect(results.flatMap(({ status }, index) => (status === 'found' ? [index] : []))).toEqual([7, 57, 107])
  })

  it('an attestation of another service, of other boundaries, key or user is refused', async () => {
    const { did } = account('alice')
    const enrollment = (await getEnrollmentByServiceDid(did, network.pdsUrl, network.serviceDid))!
    await verifyEnrollment(did, network.serviceDid, enrollment)
    const bobs = (await getEnrollmentByServiceDid(account('bob').did, network.pdsUrl, network.serviceDid))!
    const other = await serve(() => ({ body: { id: network.serviceDid, verificationMethod: [] } }))
    const refused = expect.objectContaining({ code: 'InvalidAttestation' })
    const { boundaries, attestation } = enrollment
    for (const forged of [
      {
        ...enrollment,
        boundaries: [...boundaries, { value: `${network.serviceDid}/other` as const }] as never,
      },
      { ...enrollment, boundaries: boundaries.slice(1) },
      { ...enrollment, boundaries: [{ value: 'did:web:elsewhere.example/general' as const }] as never },
      { ...enrollment, signingKey: bobs.signingKey },
      { ...enrollment, attestation: { ...attestation, signingKey: bobs.signingKey } },
      bobs,
    ]) {
      await expect(verifyEnrollment(did, network.serviceDid, forged)).rejects.toEqual(refused)
    }
    // A document without the key that made it: the same attestation, of a service that is another one.
    const fetchFn = () => fetch(other.url)
    await expect(verifyEnrollment(did, network.serviceDid, enrollment, { fetchFn })).rejects.toEqual(refused)
    await other[Symbol.asyncDispose]()
  })
})

describe('an attestation that ends', () => {
  it('CRY-003: counts for its recipient, until its end or until the membership is known to have changed', async () => {
    const { did } = account('alice')
    const agent = createStratosAgent(await session('alice'), network.serviceUrl)
    const newest = async () => (await fetchEnrollmentStatus(agent, did)).attestationV2!
    const expected = { audience: did, serviceDid: network.serviceDid }
    const refused = expect.objectContaining({ code: 'InvalidAttestation' })
    const held = await newest()
    await verifyMembershipAttestation(held, expected)
    expect(held.boundaries).toContain(writers())
    expect(held.exp - held.iat).toBeLessThanOrEqual(24 * 60 * 60)

    const forged: [MembershipAttestation, object][] = [
      [held, { audience: account('bob').did }],
      [held, { nowSec: held.exp + 31 }],
      [held, { serviceDid: 'did:web:elsewhere.example' }],
      [{ ...held, boundaries: held.boundaries.slice(1) }, {}],
      [{ ...held, epoch: held.epoch + 1 }, {}],
      [{ ...held, exp: held.exp + 60 }, {}],
      [{ ...held, serviceKey: held.signingKey }, {}],
    ]
    for (const [attestation, more] of forged) {
      await expect(verifyMembershipAttestation(attestation, { ...expected, ...more })).rejects.toEqual(
        refused,
      )
    }

    const names = held.boundaries.map((boundary) => boundary.split('/').at(-1)!)
    await network.setBoundaries(
      did,
      names.filter((name) => name !== 'writers'),
    )
    const later = await newest()
    expect(later.boundaries).not.toContain(writers())
    expect(later.epoch).toBeGreaterThan(held.epoch)
    await verifyMembershipAttestation(later, { ...expected, minEpoch: later.epoch })
    await expect(verifyMembershipAttestation(held, { ...expected, minEpoch: later.epoch })).rejects.toEqual(
      refused,
    )
    await network.setBoundaries(did, names)
  })
})

describe('a blob', () => {
  it('is uploaded, shown by a record, and loaded by who may read that, as what its CID names', async () => {
    const { did } = account('alice')
    const alice = createStratosAgent(await session('alice'), network.serviceUrl)
    const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => index % 251)
    bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    const uploaded = await uploadBlob(alice, new Blob([bytes], { type: 'image/png' }))
    expect(uploaded).toMatchObject({ $type: 'blob', mimeType: 'image/png', size: 5_000 })
    const cid = uploaded.ref.$link
    const record = {
      $type: COLLECTION,
      text: 'with a picture',
      boundary: buildBoundary(writers()),
      embed: { $type: 'app.bsky.embed.images', images: [{ alt: 'a picture', image: uploaded }] },
      createdAt: new Date().toISOString(),
    }
    await alice.zone('zone.stratos.repo.createRecord', {
      input: { repo: did as never, collection: COLLECTION, record },
    })

    const bob = createStratosAgent(await session('bob'), network.serviceUrl)
    const loaded = await fetchBlob(bob, did, cid)
    expect(loaded.type).toBe('image/png')
    expect(new Uint8Array(await loaded.arrayBuffer())).toEqual(bytes)
    expect((await fetch(buildBlobUrl(network.serviceUrl, did, cid))).status).toBe(404)
    const signed = await signBlobUrls(bob, did, [cid])
    expect(new Uint8Array(await (await fetch(signed.get(cid)!)).arrayBuffer())).toEqual(bytes)

    const carol = createStratosAgent(await session('carol'), network.serviceUrl)
    await expect(fetchBlob(carol, did, cid)).rejects.toMatchObject({ error: 'BlobNotFound' })
    expect(await signBlobUrls(carol, did, [cid])).toEqual(new Map())

    const wrong = expect.objectContaining({ code: 'VerificationFailed' })
    await expect(fetchBlob(bob, did, cid, { maxBytes: 4_999 })).rejects.toEqual(wrong)
    const handler = createStratosFetchHandler(await session('bob'), network.serviceUrl)
    const changed = tampered(handler, (body) => body.with(10, 0))
    await expect(fetchBlob(changed, did, cid)).rejects.toEqual(wrong)
  })
})

describe('the example of an image', () => {
  it('shows it to whoever may see the post', async () => {
    const alice = createStratosAgent(await session('alice'), network.serviceUrl)
    const bytes = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 7)
    const file = new Blob([bytes], { type: 'image/png' })
    const { uri, src } = await postImage(alice, account('alice').did, file, writers())
    expect(new Uint8Array(await (await fetch(src!)).arrayBuffer())).toEqual(bytes)
    await alice.com.atproto.repo.deleteRecord({
      repo: account('alice').did,
      collection: COLLECTION,
      rkey: rkeyOf(uri),
    })
    expect((await fetch(src!)).status).toBe(404)
  })
})

describe('a private record', () => {
  it('does not leave for a PDS, by a proxy, or without a boundary', async () => {
    const bob = await session('bob')
    const record = { $type: COLLECTION, text: 'never', createdAt: new Date().toISOString() }
    const atPds = createStratosAgent(bob, network.pdsUrl, { serviceDid: network.serviceDid })
    const boundary = { values: [{ value: writers() }] }
    const input = { repo: account('bob').did, collection: COLLECTION, record }
    const failureOf = (promise: Promise<unknown>) =>
      promise.then(
        () => null,
        (err: unknown) => findStratosClientError(err)?.code,
      )
    const withBoundary = { ...input, record: { ...record, boundary } }
    expect(await failureOf(atPds.com.atproto.repo.createRecord(withBoundary))).toBe('NotAStratosService')
    const agent = createStratosAgent(bob, network.serviceUrl)
    expect(await failureOf(agent.com.atproto.repo.createRecord(input))).toBe('MissingBoundary')
    const pds = new AtpAgent({ service: network.pdsUrl })
    const { data } = await pds.com.atproto.repo.listRecords({ repo: input.repo, collection: COLLECTION })
    expect(JSON.stringify(data)).not.toContain('never')
    const writing = agent.zone('zone.stratos.repo.createRecord', {
      input: {
        ...input,
        record: { ...record, boundary: buildBoundary(`${network.serviceDid}/other`) },
      },
    })
    await expect(writing).rejects.toSatisfy((err) => isStratosError(err, 'ForbiddenBoundary'))
  })
})

describe('discovery', () => {
  it('of an account ends when another account is looked for', async () => {
    const discovery = createAccountDiscovery()
    const first = discovery.discover(account('alice').did, network.pdsUrl)
    const second = discovery.discover(account('bob').did, network.pdsUrl)
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(await second).toHaveLength(1)
  })
})

describe('a stream', () => {
  it(
    'goes on after the last handled event, with a fresh token for each connection, over a restart',
    { timeout: 120_000 },
    async () => {
      const { did } = account('alice')
      const pds = await session('alice')
      const first = await write('alice')
      let tokens = 0
      let saved = 0
      const reconnects: string[] = []
      const done = new AbortController()
      const getToken = async () => {
        tokens += 1
        const params = { aud: network.serviceDid, lxm: 'zone.stratos.sync.subscribeRecords' }
        return (await pds.com.atproto.server.getServiceAuth(params)).data.token
      }
      const cursor = { load: async () => null, save: async (seq: number) => void (saved = seq) }
      const seqs: number[] = []
      let last = first.uri
      for await (const event of subscribeRecords(network.serviceUrl, {
        did,
        getToken,
        cursor,
        signal: done.signal,
        onReconnect: (reason) => reconnects.push(reason),
      })) {
        if (event.kind !== 'commit') continue
        seqs.push(event.seq)
        if (!event.changes.some(({ rkey }) => rkey === rkeyOf(last))) continue
        if (tokens > 1) break
        await network.restartService()
        last = (await write('alice')).uri
      }
      expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index))
      expect(saved).toBe(seqs.at(-2))
      expect(tokens).toBeGreaterThan(1)
      expect(reconnects.length).toBeGreaterThan(0)
    },
  )

  it('ends with a typed error that another connection would not mend', async () => {
    const pds = await session('alice')
    const getToken = async () => {
      const params = { aud: network.serviceDid, lxm: 'zone.stratos.sync.subscribeRecords' }
      return (await pds.com.atproto.server.getServiceAuth(params)).data.token
    }
    const options = { did: account('alice').did, cursor: 1_000_000, getToken }
    await expect(subscribeRecords(network.serviceUrl, options).next()).rejects.toMatchObject({
      code: 'StreamFailed',
      serverError: 'FutureCursor',
    })
  })
})
