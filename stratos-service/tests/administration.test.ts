import { startNetwork, ProofClient, sendRequest, waitUntil, type Answer } from 'test-network'
import { describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

const basic = (credentials: string) => ({
  headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
})

/** Calls a method of the operator's: a query with parameters, or a procedure with a body. */
function ask(name: string, params: Record<string, string> = {}, password = network().adminPassword) {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.admin.${name}?${new URLSearchParams(params)}`
  return sendRequest('GET', url, basic(`admin:${password}`))
}

function tell(name: string, body: unknown, password = network().adminPassword): Promise<Answer> {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.admin.${name}`
  return sendRequest('POST', url, { ...basic(`admin:${password}`), body })
}

const qualified = (...names: string[]) => names.map((name) => `${network().serviceDid}/${name}`)
const didOf = (name: string) => accountOf(network(), name).did
const enrollmentOf = async (name: string) => (await ask('getEnrollment', { did: didOf(name) })).body
const auditOf = async (subject: string) => (await ask('auditLog', { subject })).body.entries
const actionOf = (name: string) => `zone.stratos.admin.${name}`

it('shows an operator what waits for the PDSes, and nobody else', async () => {
  const net = network()
  const { did } = accountOf(net, 'alice')
  const alice = await ProofClient.signIn(net, accountOf(net, 'alice'))
  const record = post(net.serviceDid, 'private words', ['general'])
  const writes = Array(150).fill({ action: 'create', collection: POST, record })
  await alice.call('POST', 'com.atproto.repo.applyWrites', { body: { repo: did, writes } })

  const page = await ask('listJobs', { limit: '10', did })
  expect(page.status).toBe(200)
  expect(page.body.jobs).toHaveLength(10)
  expect(page.body.jobs[0]).toEqual({
    queue: 'stub',
    did,
    key: expect.stringMatching(`^${POST}/`),
    state: 'waiting',
    attempts: 0,
    nextAttemptAt: expect.any(String),
  })
  expect(page.bytes.toString()).not.toContain('private words')
  expect((await ask('listJobs', { state: 'given-up' })).body).toEqual({ jobs: [] })
  expect((await ask('listJobs', { state: 'lost' })).status).toBe(400)
  expect((await ask('listJobs', { cursor: 'not a DID' })).status).toBe(400)
  expect((await ask('listJobs', {}, 'wrong')).status).toBe(401)
  expect((await alice.call('GET', 'zone.stratos.admin.listJobs')).status).toBe(401)
  expect((await ask('stats')).body).toMatchObject({ enrollments: net.accounts.length, jobsGivenUp: 0 })

  const isDry = async () => (await ask('listJobs', { did })).body.jobs.length === 0
  await waitUntil('the queue is dry', isDry, 60_000)
  expect((await ask('stats')).body).toMatchObject({ jobsWaiting: 0 })
}, 90_000)

describe('the enrollments', () => {
  it('are listed page by page, all of them or those behind a boundary', async () => {
    const found: string[] = []
    let cursor: string | undefined
    do {
      const { body } = await ask('listEnrollments', {
        limit: '2',
        ...(cursor === undefined ? {} : { cursor }),
      })
      for (const { did } of body.enrollments) found.push(did)
      expect(body.enrollments.length).toBeLessThanOrEqual(2)
      cursor = body.cursor
    } while (cursor !== undefined)
    expect(found).toEqual(
      network()
        .accounts.map(({ did }) => did)
        .toSorted(),
    )

    const [other = ''] = qualified('other')
    const holders = (await ask('listEnrollments', { boundary: other })).body.enrollments
    const expected = network().accounts.filter(({ boundaries }) => boundaries.includes(other))
    expect(holders.map(({ did }: { did: string }) => did)).toEqual(expected.map(({ did }) => did).toSorted())
    expect((await ask('listEnrollments', { cursor: 'x' })).status).toBe(400)
  })

  it('are shown one by one, with what operators have to know', async () => {
    const alice = await enrollmentOf('alice')
    expect(alice).toMatchObject({
      did: didOf('alice'),
      active: true,
      boundaries: accountOf(network(), 'alice').boundaries,
      epoch: expect.any(Number),
      signingKey: expect.stringMatching(/^did:key:z/),
      pdsEndpoint: network().pdsUrl,
    })
    const stranger = await network().createAccount('nobody.test')
    const answer = await ask('getEnrollment', { did: stranger.did })
    expect(answer).toMatchObject({ status: 404, body: { error: 'NotFound' } })
  })
})

describe('boundaries', () => {
  it('ADM-005: are taken from the one account that is named', async () => {
    const [general = '', writers = ''] = qualified('general', 'writers')
    for (const name of ['alice', 'carol']) {
      await tell('setBoundaries', { did: didOf(name), boundaries: [general, writers] })
    }
    const others = network().accounts.filter(({ did }) => did !== didOf('carol'))
    const before = await Promise.all(others.map(({ did }) => ask('getEnrollment', { did })))

    const removal = { did: didOf('carol'), boundary: general }
    for (const repetition of [1, 2]) {
      const answer = await tell('removeBoundary', removal)
      expect([repetition, answer.status, answer.body]).toEqual([
        repetition,
        200,
        { did: didOf('carol'), boundaries: [writers] },
      ])
    }
    const after = await Promise.all(others.map(({ did }) => ask('getEnrollment', { did })))
    expect(after.map(({ body }) => body)).toEqual(before.map(({ body }) => body))
  })

  it('are added once, however often that is asked', async () => {
    const [general = '', other = ''] = qualified('general', 'other')
    await tell('setBoundaries', { did: didOf('bob'), boundaries: [general] })
    const { epoch } = await enrollmentOf('bob')
    for (const _ of [1, 2]) {
      const answer = await tell('addBoundary', { did: didOf('bob'), boundary: other })
      expect(answer).toMatchObject({ status: 200, body: { boundaries: [general, other] } })
    }
    expect(await enrollmentOf('bob')).toMatchObject({ epoch: epoch + 1, boundaries: [general, other] })
  })

  it.each([
    ['unknown', () => `${network().serviceDid}/nowhere`],
    ['unqualified', () => 'general'],
    ['of another service', () => 'did:web:other.example/general'],
    ['too long', () => `${network().serviceDid}/${'x'.repeat(254 - network().serviceDid.length)}`],
    ['a number', () => 7],
    ['a list', () => qualified('general')],
    ['an object', () => ({ value: qualified('general')[0] })],
    ['nothing', () => null],
    ['of a prototype', () => '__proto__'],
  ])('ADM-007: are refused when one is %s', async (_what, boundaryOf) => {
    const before = await enrollmentOf('alice')
    const boundary = boundaryOf()
    const did = didOf('alice')
    for (const [name, body] of [
      ['addBoundary', { did, boundary }],
      ['setBoundaries', { did, boundaries: [boundary] }],
      ['setBoundaries', { did, boundaries: boundary }],
      ['enroll', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', boundaries: [boundary] }],
    ] as const) {
      // A list of good boundaries is what `setBoundaries` is for.
      if (name === 'setBoundaries' && Array.isArray(body.boundaries) && body.boundaries === boundary) continue
      expect([name, await tell(name, body)]).toMatchObject([
        name,
        { status: 400, body: { error: 'InvalidRequest' } },
      ])
    }
    expect(await enrollmentOf('alice')).toEqual(before)
  })

  it('are for accounts that are enrolled', async () => {
    const did = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
    const [boundary] = qualified('general')
    for (const [name, body] of [
      ['addBoundary', { did, boundary }],
      ['removeBoundary', { did, boundary }],
      ['setBoundaries', { did, boundaries: [] }],
    ] as const) {
      expect(await tell(name, body)).toMatchObject({ status: 404, body: { error: 'NotFound' } })
    }
    expect(await auditOf(did)).toEqual([])
  })
})

describe('the audit log', () => {
  it('ADM-011: tells of every change who made it, when, of what, before and after', async () => {
    const net = network()
    const did = didOf('carol')
    const [general = '', writers = '', other = ''] = qualified('general', 'writers', 'other')
    await tell('setBoundaries', { did, boundaries: [general] })
    const earlier = (await auditOf(did)).length
    const startedAt = new Date().toISOString()
    await tell('addBoundary', { did, boundary: writers })
    await tell('removeBoundary', { did, boundary: general })
    await tell('setBoundaries', { did, boundaries: [other] })
    await tell('setBoundaries', { did, boundaries: ['nonsense'] })
    const stranger = 'did:plc:bbbbbbbbbbbbbbbbbbbbbbbb'
    await tell('enroll', { did: stranger, boundaries: [other] })
    await tell('enroll', { did: stranger })

    const entry = (name: string, before: string[], after: string[]) => ({
      id: expect.any(Number),
      at: expect.any(String),
      actor: 'admin',
      action: actionOf(name),
      subject: did,
      before: { boundaries: before },
      after: { boundaries: after },
    })
    const entries = await auditOf(did)
    expect(entries.slice(0, entries.length - earlier)).toEqual([
      entry('setBoundaries', [writers], [other]),
      entry('removeBoundary', [general, writers], [writers]),
      entry('addBoundary', [general], [general, writers]),
    ])
    for (const { at } of entries.slice(0, 3))
      expect(at >= startedAt && at <= new Date().toISOString()).toBe(true)
    expect(await auditOf(stranger)).toMatchObject([
      { action: actionOf('enroll'), before: { boundaries: [other] }, after: { boundaries: null } },
      { action: actionOf('enroll'), after: { boundaries: [other] } },
    ])

    const first = (await ask('auditLog', { limit: '2' })).body
    const second = (await ask('auditLog', { limit: '2', cursor: first.cursor })).body
    expect([...first.entries, ...second.entries]).toEqual(
      (await ask('auditLog', { limit: '4' })).body.entries,
    )
    expect((await ask('auditLog', { cursor: 'Zm9v' })).status).toBe(400)

    // It outlives the process.
    await net.restartService('SIGKILL')
    expect(await auditOf(did)).toEqual(entries)
  })
})

describe('approval in advance', () => {
  it('lets an account in that the mode would refuse, behind the boundaries it names', async () => {
    await using net = await closable({ STRATOS_ENROLLMENT_MODE: 'allowlist' })
    const account = await net.createAccount('erin.test')
    await expect(net.enroll(account)).rejects.toThrow()
    const other = `${net.serviceDid}/other`
    const url = `${net.serviceUrl}/xrpc/zone.stratos.admin.enroll`
    const approve = () =>
      sendRequest('POST', url, {
        ...basic(`admin:${net.adminPassword}`),
        body: { did: account.did, boundaries: [other] },
      })
    const answer = await approve()
    expect(answer).toMatchObject({ status: 200, body: { did: account.did, boundaries: [other] } })
    await net.enroll(account)
    expect(account).toMatchObject({ enrolled: true, boundaries: [other] })
    expect(await approve()).toMatchObject({ status: 400, body: { error: 'InvalidRequest' } })
  })
})

async function closable(env: Record<string, string>) {
  const net = await startNetwork({ serviceEnv: env })
  return Object.assign(net, { [Symbol.asyncDispose]: () => net.close() })
}
