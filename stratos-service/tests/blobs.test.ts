import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { AtpAgent } from '@atproto/api'
import { ProofClient, sendRequest, waitUntil, type Account, type Answer } from 'test-network'
import { beforeAll, describe, expect, it } from 'vitest'
import { cidOf, drawPng, images, upload } from './_util/blobs.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const MiB = 1024 * 1024
const QUOTA_BYTES = 30 * MiB
const TEMPORARY_MS = 20_000

const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_BLOB_QUOTA_BYTES: String(QUOTA_BYTES),
    STRATOS_BLOB_TEMP_TTL_MS: String(TEMPORARY_MS),
    STRATOS_LOG_LEVEL: 'debug',
  },
})

interface User extends Account {
  readonly client: ProofClient
}
let [alice, bob, carol, dora]: User[] = []
/** Uploaded first, looked for last. */
let forgotten = ''

async function signedIn(name: string): Promise<User> {
  const account = accountOf(network(), name)
  return { ...account, client: await ProofClient.signIn(network(), account) }
}

/** An account that only one test uses. */
async function newcomer(name: string, boundaries: readonly string[] = ['general']): Promise<User> {
  const account = await network().createAccount(`${name}.test`)
  await network().enroll(account)
  await network().setBoundaries(account.did, boundaries)
  return { ...account, client: await ProofClient.signIn(network(), account) }
}

beforeAll(async () => {
  ;[alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map(signedIn))
  dora = await newcomer('dora')
  forgotten = cidOf(await upload(dora.client, drawPng()))
})

async function publish(author: User, boundaries: readonly string[], ...uploads: Answer[]): Promise<Answer> {
  const record = post(network().serviceDid, 'with a picture', boundaries, images(...uploads))
  const body = { repo: author.did, collection: POST, record }
  return author.client.call('POST', 'com.atproto.repo.createRecord', { body })
}

async function withdraw(author: User, created: Answer): Promise<Answer> {
  const rkey = created.body.uri.split('/').at(-1)
  const body = { repo: author.did, collection: POST, rkey }
  return author.client.call('POST', 'com.atproto.repo.deleteRecord', { body })
}

const getBlob = (reader: User, did: string, cid: string, headers: Record<string, string> = {}) =>
  reader.client.call('GET', 'com.atproto.sync.getBlob', { params: { did, cid }, headers })

function getAnonymously(did: string, cid: string): Promise<Answer> {
  const query = new URLSearchParams({ did, cid })
  return sendRequest('GET', `${network().serviceUrl}/xrpc/com.atproto.sync.getBlob?${query}`)
}

const fileOf = (...names: string[]) => join(network().directory, 'service', 'data', 'blobs', ...names)
const filesIn = (...names: string[]) => (existsSync(fileOf(...names)) ? readdirSync(fileOf(...names)) : [])
const settled = (did: string, cid: string) =>
  waitUntil('the blob is permanent', async () => existsSync(fileOf(did, cid)))
const gone = (did: string, cid: string) =>
  waitUntil(
    'the blob is deleted',
    async () => !existsSync(fileOf(did, cid)) && filesIn('temp', did).length === 0,
  )

async function signedUrl(reader: User, did: string, cid: string): Promise<string> {
  const { body } = await reader.client.call('GET', 'zone.stratos.sync.signBlobs', {
    params: { did, cids: [cid] },
  })
  return body.blobs[0]?.url
}

const HIDDEN = { status: 404, body: { error: 'BlobNotFound', message: 'there is no such blob' } }

describe('a blob', () => {
  it('BLB-001: is read by whoever may read a record with it, and by nobody else', async () => {
    const bytes = drawPng()
    const uploaded = await upload(alice!.client, bytes)
    expect(uploaded).toMatchObject({
      status: 200,
      body: { blob: { $type: 'blob', mimeType: 'image/png', size: 1_000 } },
    })
    const cid = cidOf(uploaded)
    // Not even by its owner before a record shows it.
    for (const user of [alice!, bob!]) expect(await getBlob(user, alice!.did, cid)).toMatchObject(HIDDEN)
    expect(await publish(alice!, ['writers'], uploaded)).toMatchObject({ status: 200 })

    for (const reader of [alice!, bob!]) {
      const found = await getBlob(reader, alice!.did, cid)
      expect(found.status).toBe(200)
      expect(found.bytes.equals(bytes)).toBe(true)
    }
    const missing = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
    const unknown = await getBlob(carol!, alice!.did, missing)
    for (const answer of [
      await getBlob(carol!, alice!.did, cid),
      await getAnonymously(alice!.did, cid),
      // Somebody else's repo, and one that nobody has, do not have it either.
      await getBlob(bob!, bob!.did, cid),
      await getBlob(bob!, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid),
    ]) {
      expect(answer).toMatchObject(HIDDEN)
      expect(answer.bytes.equals(unknown.bytes)).toBe(true)
    }
  })

  it('BLB-003: is hidden at once when its last record goes, and its bytes go too', async () => {
    const uploaded = await upload(alice!.client, drawPng())
    const cid = cidOf(uploaded)
    const [first, second] = [
      await publish(alice!, ['general'], uploaded),
      await publish(alice!, ['writers'], uploaded),
    ]
    await settled(alice!.did, cid)
    await withdraw(alice!, first)
    expect((await getBlob(bob!, alice!.did, cid)).status).toBe(200)
    const url = await signedUrl(bob!, alice!.did, cid)
    expect((await sendRequest('GET', url)).status).toBe(200)
    await withdraw(alice!, second)
    for (const reader of [alice!, bob!]) expect(await getBlob(reader, alice!.did, cid)).toMatchObject(HIDDEN)
    expect(await sendRequest('GET', url)).toMatchObject(HIDDEN)
    await gone(alice!.did, cid)
  })

  it('BLB-005: of the same bytes belongs to each of its owners by itself', async () => {
    const bytes = drawPng()
    const [ofAlice, ofBob] = [await upload(alice!.client, bytes), await upload(bob!.client, bytes)]
    const cid = cidOf(ofAlice)
    expect(cidOf(ofBob)).toBe(cid)
    await publish(alice!, ['general'], ofAlice)
    const created = await publish(bob!, ['general'], ofBob)
    await settled(bob!.did, cid)
    await withdraw(bob!, created)
    await gone(bob!.did, cid)
    expect(await getBlob(alice!, bob!.did, cid)).toMatchObject(HIDDEN)
    expect((await getBlob(bob!, alice!.did, cid)).status).toBe(200)
  })

  it('is no longer referred to once an edit takes it out, and the new one is', async () => {
    const [before, after] = [await upload(alice!.client, drawPng()), await upload(alice!.client, drawPng())]
    const created = await publish(alice!, ['general'], before)
    await settled(alice!.did, cidOf(before))
    const rkey = created.body.uri.split('/').at(-1)
    const record = post(network().serviceDid, 'edited', ['general'], images(after))
    const body = { repo: alice!.did, collection: POST, rkey, record }
    expect((await alice!.client.call('POST', 'com.atproto.repo.putRecord', { body })).status).toBe(200)
    expect(await getBlob(bob!, alice!.did, cidOf(before))).toMatchObject(HIDDEN)
    expect((await getBlob(bob!, alice!.did, cidOf(after))).status).toBe(200)
    await gone(alice!.did, cidOf(before))
  })

  it('ends with the membership of its reader, under a signed address as well', async () => {
    const erin = await newcomer('erin')
    const uploaded = await upload(alice!.client, drawPng())
    await publish(alice!, ['general'], uploaded)
    const url = await signedUrl(erin, alice!.did, cidOf(uploaded))
    expect((await sendRequest('GET', url)).status).toBe(200)
    await network().setBoundaries(erin.did, ['other'])
    expect(await sendRequest('GET', url)).toMatchObject(HIDDEN)
    expect(await getBlob(erin, alice!.did, cidOf(uploaded))).toMatchObject(HIDDEN)
    // An address is of its time: it does not come back with the boundary.
    await network().setBoundaries(erin.did, ['general'])
    expect(await sendRequest('GET', url)).toMatchObject(HIDDEN)
    expect((await getBlob(erin, alice!.did, cidOf(uploaded))).status).toBe(200)
  })

  it('leaves no trace on the PDS', async () => {
    const uploaded = await upload(alice!.client, drawPng())
    const { body } = await publish(alice!, ['general'], uploaded)
    const rkey = body.uri.split('/').at(-1)
    const agent = new AtpAgent({ service: network().pdsUrl })
    const read = () => agent.com.atproto.repo.getRecord({ repo: alice!.did, collection: POST, rkey })
    await waitUntil('the stub is there', async () => (await read().catch(() => null)) !== null)
    expect(JSON.stringify((await read()).data.value)).not.toMatch(/image|embed|bafkrei|alt/)
    const { data } = await agent.com.atproto.sync.listBlobs({ did: alice!.did })
    expect(data.cids).toEqual([])
  })
})

describe('an answer with a blob', () => {
  let cid = ''
  const bytes = drawPng(100_000)
  beforeAll(async () => {
    const uploaded = await upload(alice!.client, bytes)
    cid = cidOf(uploaded)
    await publish(alice!, ['general'], uploaded)
  })

  it('is private, checked by whoever keeps it, and inert', async () => {
    const { status, headers } = await getBlob(bob!, alice!.did, cid)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': '100000',
      'content-disposition': 'inline',
      'cache-control': 'private, no-cache',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      etag: `"${cid}"`,
    })
  })

  it('says only that nothing has changed to somebody who has it and still may', async () => {
    const again = await getBlob(bob!, alice!.did, cid, { 'if-none-match': `"${cid}"` })
    expect(again).toMatchObject({ status: 304, headers: { etag: `"${cid}"` } })
    expect(again.bytes.length).toBe(0)
    expect((await getBlob(bob!, alice!.did, cid, { 'if-none-match': '"other"' })).status).toBe(200)
    const hidden = await getBlob(carol!, alice!.did, cid, { 'if-none-match': '*' })
    expect(hidden).toMatchObject(HIDDEN)
  })

  it.each([
    ['bytes=0-9', 206, 'bytes 0-9/100000', 0, 10],
    ['bytes=99990-', 206, 'bytes 99990-99999/100000', 99_990, 100_000],
    ['bytes=-5', 206, 'bytes 99995-99999/100000', 99_995, 100_000],
    ['bytes=5-2', 200, undefined, 0, 100_000],
  ])('has the part that was asked for: %s', async (range, status, contentRange, start, end) => {
    const answer = await getBlob(bob!, alice!.did, cid, { range })
    expect(answer.status).toBe(status)
    expect(answer.headers['content-range']).toBe(contentRange)
    expect(answer.bytes.equals(bytes.subarray(start, end))).toBe(true)
  })

  it('refuses a part that is not there, and gives the whole to somebody with another version', async () => {
    const beyond = await getBlob(bob!, alice!.did, cid, { range: 'bytes=100000-' })
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */100000' } })
    const other = await getBlob(bob!, alice!.did, cid, { range: 'bytes=0-9', 'if-range': '"other"' })
    expect(other.status).toBe(200)
  })

  it('to HEAD has the headers alone', async () => {
    const params = { did: alice!.did, cid }
    const head = await bob!.client.call('HEAD', 'com.atproto.sync.getBlob', { params })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '100000', etag: `"${cid}"` } })
    expect(head.bytes.length).toBe(0)
    expect((await carol!.client.call('HEAD', 'com.atproto.sync.getBlob', { params })).status).toBe(404)
  })

  it.each([
    { did: 'did:plc:../../../etc', cid: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' },
    { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid: '../../service.sqlite' },
    { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', cid: 'QmXg9Pp2ytZ14xgmQjYEiHjVjMFXzCVVEcRTWJBmLgR39V' },
  ])('is refused for names that are none: $did $cid', async (params) => {
    const answer = await bob!.client.call('GET', 'com.atproto.sync.getBlob', { params })
    expect(answer.status).toBe(400)
  })

  it.each([
    ['text/html', '<!doctype html><script>alert(document.domain)</script>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
  ])('BLB-009: of %s can only be saved', async (type, text) => {
    const uploaded = await upload(alice!.client, Buffer.from(text), type)
    const note = { $type: 'zone.stratos.test.note', file: uploaded.body.blob }
    const body = { repo: alice!.did, collection: note.$type, record: note }
    expect((await alice!.client.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
    const { status, headers } = await getBlob(alice!, alice!.did, cidOf(uploaded))
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': type,
      'content-disposition': expect.stringMatching(/^attachment/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    })
  })

  it('BLB-009: is refused on the way in when its type is a lie', async () => {
    const html = Buffer.from('<script>alert(1)</script>'.padEnd(200))
    expect(await upload(alice!.client, html, 'image/png')).toMatchObject({
      status: 400,
      body: { error: 'InvalidMimeType' },
    })
    expect((await upload(alice!.client, drawPng(), 'text/html')).status).toBe(400)
    const believed = await upload(alice!.client, drawPng(), 'application/octet-stream')
    expect(believed.body.blob.mimeType).toBe('image/png')
  })

  it('BLB-013: is an error, never wrong bytes, when the bytes at rest are damaged', async () => {
    const uploaded = await upload(alice!.client, drawPng(600_000))
    await publish(alice!, ['general'], uploaded)
    await settled(alice!.did, cidOf(uploaded))
    expect((await getBlob(bob!, alice!.did, cidOf(uploaded))).status).toBe(200)
    const file = fileOf(alice!.did, cidOf(uploaded))
    const stored = readFileSync(file)
    stored[400_000]! ^= 1
    writeFileSync(file, stored)
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      const answer = await getBlob(bob!, alice!.did, cidOf(uploaded), headers as Record<string, string>)
      expect(answer).toMatchObject({ status: 500, body: { error: 'InternalServerError' } })
    }
    const log = join(network().directory, 'service', 'service.log')
    await waitUntil('the log', () => readFileSync(log, 'utf8').includes('are damaged'))
  })
})

it('LIM-005: blobs that their reader does not take are a hundred at most', async () => {
  const reader = await newcomer('slow')
  const uploaded = await upload(reader.client, drawPng(5 * MiB))
  const cid = cidOf(uploaded)
  const collection = 'zone.stratos.test.note'
  const body = { repo: reader.did, collection, record: { $type: collection, file: uploaded.body.blob } }
  expect((await reader.client.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
  const url = new URL(await signedUrl(reader, reader.did, cid))
  const ask = async () => (await sendRequest('HEAD', url.href)).status
  const deaf: Socket[] = []
  for (let count = 0; count < 110; count += 1) {
    const socket = connect(Number(url.port), '127.0.0.1').pause()
    socket.on('error', () => undefined)
    socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`)
    deaf.push(socket)
  }
  await waitUntil('one too many', async () => (await ask()) === 429)
  for (const socket of deaf) socket.destroy()
  await waitUntil('their end', async () => (await ask()) === 200)
})

describe('an upload', () => {
  it('BLB-007: must be sent as it is', async () => {
    const bomb = gzipSync(Buffer.alloc(30 * MiB))
    const before = filesIn('temp', alice!.did)
    const headers = { 'content-type': 'image/png', 'content-encoding': 'gzip' }
    const answer = await alice!.client.call('POST', 'com.atproto.repo.uploadBlob', { body: bomb, headers })
    expect(answer).toMatchObject({ status: 415, body: { error: 'UnsupportedEncoding' } })
    expect(filesIn('temp', alice!.did)).toEqual(before)
  })

  it('may have 5 MiB, whether or not it says so first', async () => {
    const tooMuch = { status: 413, body: { error: 'PayloadTooLarge' } }
    expect(await upload(dora!.client, drawPng(5 * MiB + 1))).toMatchObject(tooMuch)
    expect(await uploadChunked(dora!.client, drawPng(5 * MiB + 1))).toMatchObject(tooMuch)
    expect(await uploadChunked(dora!.client, drawPng(40 * MiB)).catch(() => tooMuch)).toMatchObject(tooMuch)
    expect((await upload(dora!.client, drawPng(5 * MiB))).status).toBe(200)
    expect((await uploadChunked(dora!.client, drawPng(5 * MiB))).status).toBe(200)
  })

  it('must have content, and a sender who is enrolled', async () => {
    expect(await upload(alice!.client, Buffer.alloc(0))).toMatchObject({ status: 400 })
    const frank = await network().createAccount('frank.test')
    const client = await ProofClient.signIn(network(), frank)
    expect(await upload(client, drawPng())).toMatchObject({ status: 400, body: { error: 'NotEnrolled' } })
    const url = `${network().serviceUrl}/xrpc/com.atproto.repo.uploadBlob`
    expect((await sendRequest('POST', url, { body: drawPng() })).status).toBe(401)
  })

  it('that breaks off leaves nothing behind', async () => {
    const gina = await newcomer('gina')
    const partial = uploadChunked(gina.client, drawPng(3 * MiB), 2 * MiB)
    await expect(partial).rejects.toThrow()
    await waitUntil('its bytes are gone', async () => filesIn('temp', gina.did).length === 0)
    expect((await upload(gina.client, drawPng())).status).toBe(200)
  })

  it('BLB-015: ends at the quota of its sender, and of nobody else', async () => {
    const hugo = await newcomer('hugo')
    for (let count = 0; count < 6; count += 1)
      expect((await upload(hugo.client, drawPng(5 * MiB))).status).toBe(200)
    const full = {
      status: 507,
      body: { error: 'QuotaExceeded', message: expect.stringContaining('31457280') },
    }
    expect(await upload(hugo.client, drawPng(100))).toMatchObject(full)
    expect(await uploadChunked(hugo.client, drawPng(100))).toMatchObject(full)
    expect((await upload(alice!.client, drawPng(100))).status).toBe(200)
    expect(filesIn('temp', hugo.did)).toHaveLength(6)
  })

  it('of bytes that are there already takes no more room', async () => {
    const ida = await newcomer('ida')
    const bytes = drawPng(5 * MiB)
    for (let count = 0; count < 8; count += 1) expect((await upload(ida.client, bytes)).status).toBe(200)
    expect(filesIn('temp', ida.did)).toHaveLength(1)
  })

  it('survives a crash neither half nor forgotten', async () => {
    const uploaded = await upload(alice!.client, drawPng())
    const half = uploadChunked(alice!.client, drawPng(3 * MiB), 2 * MiB, 60_000).catch(() => null)
    await waitUntil('it is under way', async () => filesIn('temp', alice!.did).length > 1)
    const created = publish(alice!, ['general'], uploaded)
    await created
    await network().restartService('SIGKILL')
    await half
    await waitUntil('what was begun is gone, what was posted is permanent', async () => {
      const names = filesIn('temp', alice!.did)
      return existsSync(fileOf(alice!.did, cidOf(uploaded))) && names.length <= 1
    })
    expect((await getBlob(bob!, alice!.did, cidOf(uploaded))).status).toBe(200)
  })
})

describe('a record', () => {
  const refusal = async (author: User, image: object) => {
    const record = post(network().serviceDid, 'x', ['general'], {
      embed: { $type: 'app.bsky.embed.images', images: [{ alt: '', image }] },
    })
    const body = { repo: author.did, collection: POST, record, validate: false }
    const { status, body: answer } = await author.client.call('POST', 'com.atproto.repo.createRecord', {
      body,
    })
    return [status, answer.error]
  }

  it('must refer to blobs of its author, as they are', async () => {
    const { blob } = (await upload(alice!.client, drawPng())).body
    expect(await refusal(bob!, blob)).toEqual([404, 'BlobNotFound'])
    expect(await refusal(alice!, { ...blob, size: 999 })).toEqual([400, 'InvalidRecord'])
    expect(await refusal(alice!, { ...blob, mimeType: 'image/jpeg' })).toEqual([400, 'InvalidRecord'])
    const missing = { $link: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku' }
    expect(await refusal(alice!, { ...blob, ref: missing })).toEqual([404, 'BlobNotFound'])
    expect(await refusal(alice!, blob)).toEqual([200, undefined])
  })

  it('RAC-011: never loses a blob to the collection that runs meanwhile', async () => {
    const jane = await newcomer('jane')
    const bytes = [drawPng(), drawPng()]
    let written = 0
    for (let round = 0; round < 25; round += 1) {
      const some = bytes[round % 2]!
      const uploaded = await upload(jane.client, some)
      // Each of these makes the collector look, or takes away what the others rely on.
      const [created] = await Promise.all([
        publish(jane, ['general'], uploaded),
        upload(jane.client, some),
        publish(jane, ['general'], uploaded).then((other) =>
          other.status === 200 ? withdraw(jane, other) : null,
        ),
      ])
      expect([200, 404]).toContain(created.status)
      if (created.status !== 200) continue
      written += 1
      expect((await getBlob(jane, jane.did, cidOf(uploaded))).status).toBe(200)
      if (round % 3 !== 0) await withdraw(jane, created)
    }
    expect(written).toBeGreaterThan(10)
    const { body } = await jane.client.call('GET', 'com.atproto.sync.listBlobs', {
      params: { did: jane.did },
    })
    for (const cid of body.cids) expect((await getBlob(jane, jane.did, cid)).status).toBe(200)
    const missing = await jane.client.call('GET', 'com.atproto.repo.listMissingBlobs')
    expect(missing.body).toEqual({ blobs: [] })
  })
})

describe('the list of blobs', () => {
  it('has what the viewer may read, by pages', async () => {
    const kate = await newcomer('kate', ['general', 'writers'])
    const uploads = await Promise.all([1, 2, 3].map(() => upload(kate.client, drawPng())))
    const [first, second, third] = uploads as [Answer, Answer, Answer]
    const { body: created } = await publish(kate, ['general'], first)
    await publish(kate, ['writers'], second, third)
    const list = async (reader: User, params: object = {}) =>
      (
        await reader.client.call('GET', 'com.atproto.sync.listBlobs', {
          params: { did: kate.did, ...params },
        })
      ).body
    const all = uploads.map(cidOf).toSorted()
    expect(await list(kate)).toEqual({ cids: all })
    expect(await list(dora!)).toEqual({ cids: [cidOf(first)] })
    expect(await list(carol!)).toEqual({ cids: [] })
    expect((await list(kate, { since: created.commit.rev })).cids).toEqual(
      [second, third].map(cidOf).toSorted(),
    )
    const page = await list(bob!, { limit: 2 })
    expect(page.cids).toEqual(all.slice(0, 2))
    expect(await list(bob!, { limit: 2, cursor: page.cursor })).toEqual({ cids: all.slice(2) })
    const nobody = await carol!.client.call('GET', 'com.atproto.sync.listBlobs', {
      params: { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' },
    })
    expect(nobody).toMatchObject({ status: 200, body: { cids: [] } })
  })
})

describe('a signed address', () => {
  it('is made for what the caller may read, and holds for nothing else', async () => {
    const uploaded = await upload(alice!.client, drawPng())
    const other = await upload(alice!.client, drawPng())
    await publish(alice!, ['general'], uploaded)
    await publish(alice!, ['general'], other)
    const params = { did: alice!.did, cids: [cidOf(uploaded)] }
    const sign = (user: User) => user.client.call('GET', 'zone.stratos.sync.signBlobs', { params })
    const { status, body } = await sign(bob!)
    expect(status).toBe(200)
    expect(Date.parse(body.expiresAt)).toBeGreaterThan(Date.now() + 60_000)
    expect((await sign(carol!)).body.blobs).toEqual([])

    const [{ url }] = body.blobs
    const answer = await sendRequest('GET', url)
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'cache-control': 'private, no-cache' })
    expect((await sendRequest('GET', url, { headers: { range: 'bytes=0-3' } })).status).toBe(206)

    const token = new URL(url).searchParams.get('token') ?? ''
    const [claim = '', mac = ''] = token.split('.')
    const forged = Buffer.from(
      Buffer.from(claim, 'base64url').toString().replace(cidOf(uploaded), cidOf(other)),
    ).toString('base64url')
    const redeem = (text: string) =>
      sendRequest('GET', `${network().serviceUrl}/xrpc/zone.stratos.sync.getSignedBlob?token=${text}`)
    for (const wrong of ['', '.', 'x', claim, `${forged}.${mac}`, `${claim}.${mac.slice(1)}`, `${claim}.`])
      expect((await redeem(wrong)).status).toBeGreaterThanOrEqual(400)
    expect(await redeem(`${forged}.${mac}`)).toMatchObject(HIDDEN)
    expect((await redeem(token)).status).toBe(200)
    const log = readFileSync(join(network().directory, 'service', 'service.log'), 'utf8')
    expect(log).not.toContain(claim)
  })
})

describe('a takedown', () => {
  it('hides a blob from everybody at once, moves its bytes, and can be undone', async () => {
    const uploaded = await upload(alice!.client, drawPng())
    const [did, cid] = [alice!.did, cidOf(uploaded)]
    await publish(alice!, ['general'], uploaded)
    const url = await signedUrl(bob!, did, cid)
    const tell = (name: string, body: object) =>
      sendRequest('POST', `${network().serviceUrl}/xrpc/zone.stratos.admin.${name}`, {
        body,
        headers: {
          authorization: `Basic ${Buffer.from(`admin:${network().adminPassword}`).toString('base64')}`,
        },
      })
    expect(await tell('takedownBlob', { did, cid, reason: 'a complaint' })).toMatchObject({
      status: 200,
      body: { did, cid },
    })
    for (const reader of [alice!, bob!]) expect(await getBlob(reader, did, cid)).toMatchObject(HIDDEN)
    expect(await sendRequest('GET', url)).toMatchObject(HIDDEN)
    await waitUntil('it is in quarantine', async () => existsSync(fileOf('quarantine', did, cid)))
    expect(existsSync(fileOf(did, cid))).toBe(false)

    await tell('restoreBlob', { did, cid })
    await waitUntil('it is back', async () => existsSync(fileOf(did, cid)))
    expect((await getBlob(bob!, did, cid)).status).toBe(200)
    const missing = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
    expect(await tell('takedownBlob', { did, cid: missing })).toMatchObject(HIDDEN)
  })
})

it('BLB-011: an upload that no record refers to is deleted in time', async () => {
  const known = [forgotten]
  expect(known[0]).toMatch(/^bafkrei/)
  await waitUntil(
    'the forgotten upload is gone',
    async () => filesIn('temp', dora!.did).length === 0,
    TEMPORARY_MS + 20_000,
  )
  const record = post(network().serviceDid, 'too late', ['general'], {
    embed: {
      $type: 'app.bsky.embed.images',
      images: [
        {
          alt: '',
          image: { $type: 'blob', ref: { $link: forgotten }, mimeType: 'image/png', size: 1_000 },
        },
      ],
    },
  })
  const body = { repo: dora!.did, collection: POST, record }
  const answer = await dora!.client.call('POST', 'com.atproto.repo.createRecord', { body })
  expect(answer).toMatchObject({ status: 404, body: { error: 'BlobNotFound' } })
}, 60_000)

/** Sends a body whose length nobody knows first. @param stopAfter cuts the connection after so many bytes */
async function uploadChunked(
  client: ProofClient,
  bytes: Buffer,
  stopAfter = Infinity,
  holdMs = 0,
): Promise<{ status: number; body: unknown }> {
  const url = client.url('com.atproto.repo.uploadBlob')
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: 'POST',
      headers: {
        authorization: `DPoP ${client.token}`,
        dpop: client.proof('POST', url),
        'content-type': 'image/png',
      },
    })
    outgoing.on('error', reject)
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', reject)
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }),
      )
    })
    if (stopAfter >= bytes.length) {
      outgoing.end(bytes)
      return
    }
    outgoing.write(bytes.subarray(0, stopAfter), () => {
      if (holdMs === 0) outgoing.destroy(new Error('the line is cut'))
    })
  })
}
