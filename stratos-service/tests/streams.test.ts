import { setTimeout as delay } from 'node:timers/promises'
import { Subscription } from '@atproto/xrpc-server'
import { ProofClient, sendRequest, serviceJwt, waitUntil, type Account } from 'test-network'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { AppView } from './_util/app-view.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { cidOf, StreamFollower } from './_util/stream-follower.ts'

const RECORDS = 'zone.stratos.sync.subscribeRecords'
const REPOS = 'zone.stratos.sync.subscribeRepos'
const SECRET = 'a secret that only the operator and one consumer know'

const [appview, rogue] = [await AppView.start(), await AppView.start()]
const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_ALLOWED_APPVIEWS: appview.did,
    STRATOS_SYNC_TOKEN: SECRET,
    STRATOS_AUTH_FAILURES_PER_MINUTE: '100000',
    STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
    STRATOS_STREAMS_PER_PRINCIPAL: '5',
    STRATOS_STREAM_HEARTBEAT_MS: '3000',
    STRATOS_STREAM_PATIENCE_MS: '500',
    STRATOS_STUBS: 'off',
  },
})
let alice: ProofClient
let bob: ProofClient
let carol: ProofClient
const account = (name: string): Account => accountOf(network(), name)

beforeAll(async () => {
  alice = await ProofClient.signIn(network(), account('alice'))
  bob = await ProofClient.signIn(network(), account('bob'))
  carol = await ProofClient.signIn(network(), account('carol'))
})
afterAll(() => {
  appview.close()
  rogue.close()
})

const open: StreamFollower[] = []
afterEach(async () => {
  for (const follower of open.splice(0)) {
    follower.close()
    await follower.ended
  }
})

type Params = Readonly<Record<string, string | number | readonly string[]>>

function urlOf(nsid: string, params: Params): string {
  return alice.url(nsid, params)
}

function follow(
  nsid: string,
  params: Params,
  options: ConstructorParameters<typeof StreamFollower>[1] = {},
): StreamFollower {
  const follower = new StreamFollower(urlOf(nsid, params), options)
  open.push(follower)
  return follower
}

const ownToken = (name: string, nsid = RECORDS) => serviceJwt(network(), account(name), nsid)
const appviewToken = (nsid = RECORDS) => appview.token(network().serviceDid, nsid)

async function followOwn(name: string, params: Params = {}): Promise<StreamFollower> {
  return follow(RECORDS, { did: account(name).did, syncToken: await ownToken(name), ...params })
}

async function followAs(params: Params = {}, nsid = RECORDS): Promise<StreamFollower> {
  return follow(nsid, { syncToken: await appviewToken(nsid), ...params })
}

async function write(client: ProofClient, name: string, names: readonly string[], text = 'hello') {
  const record = post(network().serviceDid, text, names)
  const body = { repo: account(name).did, collection: POST, record }
  const answer = await client.call('POST', 'com.atproto.repo.createRecord', { body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  const { uri, cid } = answer.body as { uri: string; cid: string }
  return { path: uri.split('/').slice(3).join('/'), cid }
}

const rkeyOf = (path: string) => path.split('/')[1] ?? ''
const pathsOf = (follower: StreamFollower) =>
  follower.commits.flatMap(({ ops }) => ops.map(({ path }: { path: string }) => path))
const latestSeq = async (name: string) => {
  const follower = await followOwn(name)
  const { path } = await write(name === 'alice' ? alice : bob, name, ['general'], 'the newest')
  await follower.until('the newest commit', () => pathsOf(follower).includes(path))
  follower.close()
  return follower.commits.at(-1).seq as number
}

describe('who may follow', () => {
  const refused: [string, () => Promise<Params>, number][] = [
    ['nobody who is not signed in', async () => ({}), 401],
    ['not another user', async () => ({ syncToken: await ownToken('bob') }), 403],
    [
      'SVC-013: not a service that is not on the list',
      async () => ({ syncToken: await rogue.token(network().serviceDid, RECORDS) }),
      403,
    ],
    ['not with a token for another method', async () => ({ syncToken: await ownToken('alice', REPOS) }), 401],
    ['not with a wrong secret', async () => ({ syncToken: `${SECRET}.` }), 401],
    ['not with two tokens', async () => ({ syncToken: [SECRET, SECRET] }), 400],
    ['not with a cursor that is no number', async () => ({ syncToken: SECRET, cursor: 'x' }), 400],
  ]
  it.each(refused)('SUB-001: %s', async (_who, params, status) => {
    const follower = follow(RECORDS, { did: account('alice').did, ...(await params()) })
    const ended = await follower.ended
    expect(ended.status).toBe(status)
    expect(follower.frames).toEqual([])
    expect(JSON.parse(ended.body)).toEqual({ error: expect.any(String), message: expect.any(String) })
  })

  it('SUB-001: nobody but services where it is about everybody', async () => {
    for (const [nsid, name] of [
      [RECORDS, 'alice'],
      [REPOS, 'alice'],
    ] as const) {
      const follower = follow(nsid, { syncToken: await ownToken(name, nsid) })
      expect((await follower.ended).status).toBe(403)
    }
  })

  it('SUB-003: the owner, an allow-listed service and who knows the secret; in the header too', async () => {
    const { did } = account('alice')
    const url = urlOf(RECORDS, { did })
    const headers = { authorization: `DPoP ${alice.token}`, dpop: alice.proof('GET', url) }
    const followers = [
      await followOwn('alice'),
      await followAs({ did }),
      follow(RECORDS, { did, syncToken: SECRET }),
      follow(RECORDS, { did }, { headers: { authorization: `Bearer ${await ownToken('alice')}` } }),
      follow(RECORDS, { did }, { headers }),
    ]
    const { path, cid } = await write(alice, 'alice', ['general'], 'to all who may know')
    for (const follower of followers) {
      await follower.until('the commit', () => pathsOf(follower).includes(path))
      const op = follower.commits.at(-1).ops[0]
      expect(cidOf(op.cid)).toBe(cid)
      expect(op.record.text).toBe('to all who may know')
    }
  })

  it('hears of an unknown account by name', async () => {
    const follower = await followAs({ did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' })
    expect((await follower.ended).code).toBe(1008)
    expect(follower.errors).toEqual(['NotFound'])
  })

  it('finds no stream elsewhere, and none without asking for one', async () => {
    const elsewhere = new StreamFollower(`${network().serviceUrl}/xrpc/com.atproto.repo.getRecord`)
    expect((await elsewhere.ended).status).toBe(404)
    const plain = await sendRequest('GET', urlOf(RECORDS, { syncToken: SECRET }))
    expect([plain.status, plain.body.error]).toEqual([426, 'InvalidRequest'])
    expect((await sendRequest('POST', urlOf(RECORDS, { syncToken: SECRET }), { body: {} })).status).toBe(405)
  })
})

describe('the stream of a repo', () => {
  it('SUB-017: has frames of header and body, links as links, and nothing of the inside', async () => {
    const { path } = await write(alice, 'alice', ['general', 'writers'], 'seen')
    const follower = await followOwn('alice')
    await follower.until('the commit', () => pathsOf(follower).includes(path))
    const seqs = follower.commits.map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
    for (const { header, body } of follower.frames) {
      expect(header).toEqual({ op: 1, t: '#commit' })
      expect(Object.keys(body).toSorted()).toEqual(['did', 'ops', 'rev', 'seq', 'time'])
      for (const op of body.ops) {
        expect(['action', 'cid', 'path', 'record']).toEqual(expect.arrayContaining(Object.keys(op)))
        expect(op.path).toMatch(/^zone\.stratos\.feed\.post\/\w+$/)
        if (op.action !== 'delete') expect(cidOf(op.cid)).toMatch(/^bafyrei/)
      }
    }
  })

  it(
    'SUB-005: brings a thousand events at once, in order and without repetition',
    { timeout: 60_000 },
    async () => {
      const { did } = account('bob')
      for (let batch = 0; batch < 1_000; batch += 1) {
        const record = post(network().serviceDid, `number ${batch}`, ['general'])
        const body = { repo: did, collection: POST, record }
        expect((await bob.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
      }
      const follower = await followOwn('bob', { cursor: 0 })
      await follower.until('all of them', () => follower.commits.length >= 1_001)
      const seqs = follower.commits.map(({ seq }) => seq)
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
      expect(follower.infos).toEqual([])
    },
  )

  it('goes on after a cursor, and tells of one that is ahead', async () => {
    const seq = await latestSeq('alice')
    const follower = await followOwn('alice', { cursor: seq })
    const { path } = await write(alice, 'alice', ['general'])
    await follower.until('the next commit', () => follower.commits.length > 0)
    expect(follower.commits.map((commit) => commit.seq)).toEqual([seq + 1])
    expect(pathsOf(follower)).toEqual([path])

    const ahead = await followOwn('alice', { cursor: seq + 2 })
    expect((await ahead.ended).code).toBe(1008)
    expect(ahead.errors).toEqual(['FutureCursor'])
  })

  it('tells of a takedown as of a deletion, and of a restoration as of a new record', async () => {
    const { did } = account('alice')
    const follower = await followOwn('alice', { cursor: await latestSeq('alice') })
    const all = await followAs({ cursor: 0 }, REPOS)
    const { path, cid } = await write(alice, 'alice', ['general'])
    const { adminPassword, serviceUrl } = network()
    const authorization = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`
    for (const method of ['takedownRecord', 'takedownRecord', 'restoreRecord']) {
      const url = `${serviceUrl}/xrpc/zone.stratos.admin.${method}`
      const body = { uri: `at://${did}/${path}` }
      expect((await sendRequest('POST', url, { body, headers: { authorization } })).status).toBe(200)
    }
    for (const each of [follower, all]) {
      const told = () =>
        each.commits.filter(({ ops }) => ops.some((op: { path: string }) => op.path === path))
      await each.until('all of it', () => told().length >= 3)
      const [made, gone, back] = told()
      expect(gone).toMatchObject({ rev: made.rev, ops: [{ action: 'delete', path }] })
      expect(gone.ops[0].record).toBeUndefined()
      expect(back).toMatchObject({ rev: made.rev, ops: [{ action: 'create', path }] })
      expect([cidOf(back.ops[0].cid), back.ops[0].record.text]).toEqual([cid, 'hello'])
      expect(told()).toHaveLength(3)
    }
  })

  it('SUB-009: tells who followed a former repo of the account that something is missing', async () => {
    const { did } = account('carol')
    await network().setBoundaries(did, ['general'])
    const last = await write(carol, 'carol', ['general'])
    const before = await followAs({ did, cursor: 0 })
    await before.until('the last commit', () => pathsOf(before).includes(last.path))
    const { seq } = before.commits.at(-1)
    const left = await carol.call('POST', 'zone.stratos.enrollment.unenroll', { body: {} })
    expect(left.status, JSON.stringify(left.body)).toBe(200)
    await network().enroll(account('carol'))
    await network().setBoundaries(did, ['general'])
    carol = await ProofClient.signIn(network(), account('carol'))
    const { path } = await write(carol, 'carol', ['general'])

    const after = await followAs({ did, cursor: seq })
    await after.until('the commit to the new repo', () => pathsOf(after).includes(path))
    expect(after.infos.map(({ name }) => name)).toEqual(['OutdatedCursor'])
    expect(after.commits[0].seq).toBeGreaterThan(seq + 1)
  })

  it('SUB-007: of one boundary has only changes behind it, removals included, and passes over the rest', async () => {
    const general = `${network().serviceDid}/general`
    const follower = await followAs({ did: account('alice').did, domain: general })
    const mixed = {
      repo: account('alice').did,
      writes: [
        {
          $type: 'com.atproto.repo.applyWrites#create',
          collection: POST,
          rkey: '3kbbbbbbbbb22',
          value: post(network().serviceDid, 'in', ['general']),
        },
        {
          $type: 'com.atproto.repo.applyWrites#create',
          collection: POST,
          rkey: '3kbbbbbbbbb23',
          value: post(network().serviceDid, 'out', ['writers']),
        },
      ],
    }
    expect((await alice.call('POST', 'com.atproto.repo.applyWrites', { body: mixed })).status).toBe(200)
    const put = async (rkey: string, names: readonly string[]) => {
      const body = {
        repo: account('alice').did,
        collection: POST,
        rkey,
        record: post(network().serviceDid, 'moved', names),
      }
      expect((await alice.call('POST', 'com.atproto.repo.putRecord', { body })).status).toBe(200)
    }
    const remove = async (rkey: string) => {
      const body = { repo: account('alice').did, collection: POST, rkey }
      expect((await alice.call('POST', 'com.atproto.repo.deleteRecord', { body })).status).toBe(200)
    }
    await put('3kbbbbbbbbb22', ['writers'])
    await put('3kbbbbbbbbb22', ['general'])
    await remove('3kbbbbbbbbb22')
    await remove('3kbbbbbbbbb23')
    const last = await write(alice, 'alice', ['general'], 'the end')
    await follower.until('the end', () => pathsOf(follower).includes(last.path))
    const told = follower.commits
      .flatMap(({ ops }) => ops)
      .filter(({ path }: { path: string }) => path.includes('3kbbbbbbbbb'))
      .map(({ action, path }: { action: string; path: string }) => [action, rkeyOf(path)])
    expect(told).toEqual([
      ['create', '3kbbbbbbbbb22'],
      ['delete', '3kbbbbbbbbb22'],
      ['update', '3kbbbbbbbbb22'],
      ['delete', '3kbbbbbbbbb22'],
    ])
  })

  it('has no contents of what was deleted or has changed since', async () => {
    const before = await latestSeq('alice')
    const kept = await write(alice, 'alice', ['general'], 'kept')
    const gone = await write(alice, 'alice', ['general'], 'a word that nobody shall read')
    const body = { repo: account('alice').did, collection: POST, rkey: rkeyOf(gone.path) }
    await alice.call('POST', 'com.atproto.repo.deleteRecord', { body })
    const follower = await followOwn('alice', { cursor: before })
    await follower.until('all three', () => follower.commits.length === 3)
    const [first, second, third] = follower.commits.map(({ ops }) => ops[0])
    expect([first.path, first.record.text]).toEqual([kept.path, 'kept'])
    expect([second.action, second.path, second.record]).toEqual(['create', gone.path, undefined])
    expect(third).toEqual({ action: 'delete', path: gone.path })
  })

  it('is silent about records without a boundary, but to their owner', async () => {
    const service = await followAs({ did: account('alice').did })
    const owner = await followOwn('alice')
    const body = {
      repo: account('alice').did,
      collection: 'zone.stratos.test.note',
      record: { $type: 'zone.stratos.test.note', text: 'mine alone' },
    }
    const { status } = await alice.call('POST', 'com.atproto.repo.createRecord', { body })
    expect(status).toBe(200)
    const { path } = await write(alice, 'alice', ['general'], 'afterwards')
    for (const follower of [service, owner])
      await follower.until('the post', () => pathsOf(follower).includes(path))
    const hears = (follower: StreamFollower) => pathsOf(follower).some((path) => path.includes('test.note'))
    expect([hears(service), hears(owner)]).toEqual([false, true])
  })

  it('is understood by the official client of event streams', async () => {
    const { path } = await write(alice, 'alice', ['general'], 'for the official parser')
    const stop = new AbortController()
    const subscription = new Subscription({
      service: network().serviceUrl.replace(/^http/, 'ws'),
      method: RECORDS,
      signal: stop.signal,
      getParams: async () => ({ did: account('alice').did, syncToken: await appviewToken() }),
      // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shape is what is tested
      validate: (value: any) => value,
    })
    for await (const message of subscription) {
      expect(message.$type).toBe(`${RECORDS}#commit`)
      if (message.ops.some((op: { path: string }) => op.path === path)) break
    }
    stop.abort()
  })
})

describe('the streams of the service', () => {
  it('tell enrollments with a seq and a cursor of their own', async () => {
    const follower = await followAs()
    const { did } = account('carol')
    await network().setBoundaries(did, ['other', 'writers'])
    const isChange = (event: { did: string; boundaries?: string[] } | undefined) =>
      event?.did === did && event.boundaries?.length === 2
    await follower.until('the change', () => isChange(follower.enrollments.at(-1)))
    const dids = new Set(follower.enrollments.map(({ did }) => did))
    expect(dids).toEqual(new Set(network().accounts.map(({ did }) => did)))
    const seqs = follower.enrollments.map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))

    const later = await followAs({ cursor: seqs.length - 1 })
    await later.until('the change', () => later.enrollments.length > 0)
    expect(later.enrollments[0]).toEqual({
      seq: seqs.length,
      did,
      action: 'enroll',
      service: network().serviceUrl,
      boundaries: ['other', 'writers'].map((name) => `${network().serviceDid}/${name}`),
      time: expect.any(String),
    })
  })

  it('tell everything in one order, with the place of each commit in its repo', async () => {
    const follower = await followAs({}, REPOS)
    const written = await Promise.all([
      write(alice, 'alice', ['general'], 'one'),
      write(bob, 'bob', ['general'], 'two'),
      write(carol, 'carol', ['other'], 'three'),
    ])
    await follower.until('all three', () => written.every(({ path }) => pathsOf(follower).includes(path)))
    expect(follower.enrollments.length).toBeGreaterThanOrEqual(6)
    const seqs = follower.frames.map(({ body }) => body.seq)
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    expect(new Set(seqs).size).toBe(seqs.length)
    for (const { did } of network().accounts) {
      const places = follower.commits.filter((commit) => commit.did === did).map(({ repoSeq }) => repoSeq)
      expect(places).toEqual(places.toSorted((a, b) => a - b))
    }

    const resumed = await followAs({ cursor: seqs[5] }, REPOS)
    await resumed.until('the rest', () => resumed.frames.length >= seqs.length - 6)
    expect(resumed.frames.map(({ body }) => body.seq).slice(0, seqs.length - 6)).toEqual(seqs.slice(6))
  })

  it('tell what is behind the boundaries and in the collections that were asked for', async () => {
    const boundaries = [`${network().serviceDid}/other`]
    const behind = await followAs({ boundaries }, REPOS)
    const elsewhere = await followAs({ collections: ['zone.stratos.other.thing'] }, REPOS)
    await write(alice, 'alice', ['general'], 'not for them')
    const { path } = await write(carol, 'carol', ['other'], 'for the first')
    await behind.until('the commit', () => pathsOf(behind).includes(path))
    expect(new Set(behind.commits.map(({ did }) => did))).toEqual(new Set([account('carol').did]))
    expect(elsewhere.commits).toEqual([])
    await elsewhere.until('the enrollments', () => elsewhere.enrollments.length >= 6)
  })
})

describe('a stream ends', () => {
  it('ENR-011: when its follower does not hold the boundary any more', async () => {
    const domain = `${network().serviceDid}/writers`
    const follower = await followOwn('bob', { domain })
    const { path } = await write(bob, 'bob', ['writers'])
    await follower.until('a commit', () => pathsOf(follower).includes(path))
    await network().setBoundaries(account('bob').did, ['general'])
    expect((await follower.ended).code).toBe(1008)
    expect(follower.errors).toEqual(['AuthenticationRequired'])
    await network().setBoundaries(account('bob').did, ['general', 'writers'])
  })

  it('when the session behind it does', async () => {
    const client = await ProofClient.signIn(network(), account('alice'))
    await client.call('GET', 'com.atproto.repo.listRecords', {
      params: { repo: account('alice').did, collection: POST },
    })
    const url = urlOf(RECORDS, { did: account('alice').did })
    const headers = { authorization: `DPoP ${client.token}`, dpop: client.proof('GET', url) }
    const follower = follow(RECORDS, { did: account('alice').did }, { headers })
    await follower.until('a commit', () => follower.commits.length > 0)
    expect((await client.call('POST', 'zone.stratos.server.deleteSession')).status).toBe(200)
    expect((await follower.ended).code).toBe(1008)
    expect(follower.errors).toEqual(['AuthenticationRequired'])
  })

  it('when its follower says something', async () => {
    const follower = await followOwn('alice')
    await follower.until('a commit', () => follower.commits.length > 0)
    follower.socket.send('hello')
    expect((await follower.ended).code).toBe(1003)
    const loud = await followOwn('alice')
    await loud.until('a commit', () => loud.commits.length > 0)
    loud.socket.send(Buffer.alloc(5_000))
    expect((await loud.ended).code).toBe(1009)
  })

  it('SUB-011: before it begins for who has too many', async () => {
    const { did } = account('carol')
    const token = await ownToken('carol')
    const followers = Array.from({ length: 6 }, () => follow(RECORDS, { did, syncToken: token }))
    await waitUntil('one is refused', () => followers.some(({ frames }) => frames.length === 0))
    const refused = await Promise.race(followers.map(({ ended }) => ended))
    expect([refused.status, JSON.parse(refused.body).error]).toEqual([429, 'RateLimitExceeded'])
    for (const follower of followers) follower.close()
    await waitUntil('there is room again', async () => {
      const again = follow(RECORDS, { did, syncToken: token })
      await Promise.race([again.ended, again.until('a commit', () => again.commits.length > 0)])
      return again.commits.length > 0
    })
  })

  it('SUB-013: when nobody answers at the other end', async () => {
    const url = urlOf(RECORDS, { did: account('alice').did, syncToken: await ownToken('alice') })
    const follower = new StreamFollower(url, { autoPong: false })
    expect((await follower.ended).code).toBe(1006)
  })

  it('for a follower that does not read, which hears why', async () => {
    const text = 'x'.repeat(3_000)
    for (let count = 0; count < 200; count += 1) {
      const writes = Array.from({ length: 20 }, () => ({
        $type: 'com.atproto.repo.applyWrites#create',
        collection: 'zone.stratos.test.note',
        value: { $type: 'zone.stratos.test.note', text },
      }))
      const body = { repo: account('bob').did, writes }
      const answer = await bob.call('POST', 'com.atproto.repo.applyWrites', { body })
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    }
    const follower = await followOwn('bob')
    await follower.until('a commit', () => follower.commits.length > 0)
    follower.socket.pause()
    // There is no sign on this side of what the other one has found out by then.
    await delay(1_500)
    follower.socket.resume()
    await follower.ended
    expect(follower.errors).toEqual(['ConsumerTooSlow'])
    const seqs = follower.commits.map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
  }, 60_000)
})

describe('Server-Sent Events', () => {
  it('tell the same as JSON, and go on after the last one that was received', async () => {
    const { path } = await write(alice, 'alice', ['general'], 'as JSON')
    const params = { did: account('alice').did, format: 'json', syncToken: await ownToken('alice') }
    const events = await readEvents(urlOf(RECORDS, params), {}, (seen) =>
      seen.some(({ data }) => data.ops?.some((op: { path: string }) => op.path === path)),
    )
    const last = events.at(-1)
    expect(last?.event).toBe('commit')
    expect(last?.data.ops[0].record.text).toBe('as JSON')
    expect(last?.data.ops[0].cid).toEqual({ $link: expect.stringMatching(/^bafyrei/) })
    const next = await write(alice, 'alice', ['general'], 'the next')
    const resumed = await readEvents(
      urlOf(RECORDS, params),
      { 'last-event-id': last?.id ?? '' },
      (seen) => seen.length > 0,
    )
    expect(resumed[0]?.data.ops[0].path).toBe(next.path)
  })

  it('are refused as every other request is', async () => {
    const answer = await sendRequest('GET', urlOf(RECORDS, { did: account('alice').did, format: 'json' }))
    expect([answer.status, answer.body.error]).toEqual([401, 'AuthenticationRequired'])
    const syncToken = await ownToken('alice')
    const ahead = await readEvents(
      urlOf(RECORDS, { did: account('alice').did, format: 'json', cursor: 1_000_000, syncToken }),
      {},
      () => false,
    )
    expect(ahead.map(({ event, data }) => [event, data.error])).toEqual([['error', 'FutureCursor']])
  })
})

describe('the service', () => {
  it('SUB-015: tells what it had no time to tell before it was killed', async () => {
    const before = await latestSeq('alice')
    const { path } = await write(alice, 'alice', ['general'], 'just in time')
    await network().restartService('SIGKILL')
    const follower = await followOwn('alice', { cursor: before })
    await follower.until('the commit', () => pathsOf(follower).includes(path))
    const everything = await followAs({}, REPOS)
    await everything.until('the commit', () => pathsOf(everything).includes(path))
  })

  it('SUB-019: says good-bye when it stops', async () => {
    const followers = [await followOwn('alice'), await followAs({}, REPOS), await followAs()]
    for (const follower of followers) await follower.until('a frame', () => follower.frames.length > 0)
    await network().restartService()
    for (const follower of followers) expect((await follower.ended).code).toBe(1001)
  })
})

interface ServerSentEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into messages of every shape
  readonly data: any
}

/** Reads events until there are enough, or the stream ends. */
async function readEvents(
  url: string,
  headers: Record<string, string>,
  enough: (seen: readonly ServerSentEvent[]) => boolean,
): Promise<ServerSentEvent[]> {
  const stop = new AbortController()
  const response = await fetch(url, { headers, signal: stop.signal })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const events: ServerSentEvent[] = []
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts.filter((each) => !each.startsWith(':'))) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1]
      events.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data') ?? 'null') })
    }
    if (enough(events)) break
  }
  stop.abort()
  return events
}
