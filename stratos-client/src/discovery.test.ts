import { describe, expect, it } from 'vitest'
import { serve, type SeenRequest } from '../tests/_util/scripted-server.ts'
import {
  discoverEnrollment,
  discoverEnrollments,
  getEnrollmentByServiceDid,
  serviceDIDToRkey,
} from './discovery.ts'

const DID = 'did:plc:alice'
const COLLECTION = 'zone.stratos.actor.enrollment'

const value = (host: string) => ({
  $type: COLLECTION,
  service: `https://${host}`,
  boundaries: [{ value: `did:web:${host}/general` }],
  signingKey: 'did:key:zDnaeUser',
  attestation: { sig: { $bytes: 'AQID' }, signingKey: 'did:key:zQ3shService' },
  createdAt: '2024-01-15T12:00:00.000Z',
})
const entry = (host: string, did = DID) => ({
  uri: `at://${did}/${COLLECTION}/did:web:${host}`,
  cid: 'bafyreib',
  value: value(host),
})
const enrollment = (host: string) => ({
  service: `https://${host}`,
  boundaries: [{ value: `did:web:${host}/general` }],
  signingKey: 'did:key:zDnaeUser',
  attestation: { sig: new Uint8Array([1, 2, 3]), signingKey: 'did:key:zQ3shService' },
  createdAt: '2024-01-15T12:00:00.000Z',
  rkey: `did:web:${host}`,
})
const query = (request: SeenRequest) => new URL(request.url, 'http://pds').searchParams

describe('discoverEnrollments', () => {
  it('reads every page in the order of the PDS', async () => {
    await using pds = await serve((request) => {
      const cursor = query(request).get('cursor')
      if (cursor === null) return { body: { records: [entry('b.example')], cursor: 'p2' } }
      if (cursor === 'p2') return { body: { records: [entry('a.example')], cursor: 'p3' } }
      return { body: { records: [] } }
    })
    expect(await discoverEnrollments(DID, pds.url)).toEqual([
      enrollment('b.example'),
      enrollment('a.example'),
    ])
    const asked = pds.requests.map((request) => Object.fromEntries(query(request)))
    const common = { repo: DID, collection: COLLECTION, limit: '100' }
    expect(asked).toEqual([common, { ...common, cursor: 'p2' }, { ...common, cursor: 'p3' }])
  })

  it('takes a fetch handler instead of a URL', async () => {
    await using pds = await serve(() => ({ body: { records: [entry('a.example')] } }))
    const found = await discoverEnrollments(DID, (path, init) => fetch(pds.url + path, init))
    expect(found).toEqual([enrollment('a.example')])
  })

  it('leaves out what is not a valid enrollment of this user', async () => {
    const { signingKey: _, ...withoutKey } = value('b.example')
    const records = [
      { ...entry('b.example'), value: withoutKey },
      { ...entry('b.example'), value: 'text' },
      entry('b.example', 'did:plc:mallory'),
      { value: value('b.example') },
      null,
      entry('a.example'),
    ]
    await using pds = await serve(() => ({ body: { records } }))
    expect(await discoverEnrollments(DID, pds.url)).toEqual([enrollment('a.example')])
  })

  it('stops when a PDS repeats its cursor', async () => {
    await using pds = await serve(() => ({ body: { records: [entry('a.example')], cursor: 'same' } }))
    expect(await discoverEnrollments(DID, pds.url)).toHaveLength(2)
    expect(pds.requests).toHaveLength(2)
  })

  it('gives up on a PDS that never stops paging', async () => {
    let page = 0
    await using pds = await serve(() => ({
      body: { records: [entry('a.example')], cursor: String(page++) },
    }))
    await expect(discoverEnrollments(DID, pds.url)).rejects.toMatchObject({ code: 'PdsRequestFailed' })
  })

  it.each([
    [500, { error: 'InternalServerError' }],
    [400, { error: 'RepoNotFound' }],
    [404, '<html>not here</html>'],
    [200, 'not json'],
    [200, { no: 'records' }],
  ])('reports an answer of %d %j instead of "not enrolled"', async (status, body) => {
    await using pds = await serve(() => ({ status, body }))
    await expect(discoverEnrollments(DID, pds.url)).rejects.toMatchObject({ code: 'PdsRequestFailed' })
    await expect(discoverEnrollment(DID, pds.url)).rejects.toMatchObject({ code: 'PdsRequestFailed' })
  })

  it('reports a PDS that does not answer', async () => {
    const pds = await serve(() => ({}))
    await pds[Symbol.asyncDispose]()
    await expect(discoverEnrollments(DID, pds.url)).rejects.toMatchObject({ code: 'PdsUnreachable' })
  })
})

describe('discoverEnrollment', () => {
  it('is the first enrollment, or null for someone who has none', async () => {
    await using pds = await serve(() => ({ body: { records: [entry('b.example'), entry('a.example')] } }))
    expect(await discoverEnrollment(DID, pds.url)).toEqual(enrollment('b.example'))
    await using empty = await serve(() => ({ body: { records: [] } }))
    expect(await discoverEnrollment(DID, empty.url)).toBeNull()
  })
})

describe('getEnrollmentByServiceDid', () => {
  it('reads the record whose key is the DID of the service', async () => {
    await using pds = await serve(() => ({ body: entry('localhost:3100') }))
    const found = await getEnrollmentByServiceDid(DID, pds.url, 'did:web:localhost%3A3100')
    expect(found?.rkey).toBe('did:web:localhost:3100')
    expect(Object.fromEntries(query(pds.requests[0]!))).toEqual({
      repo: DID,
      collection: COLLECTION,
      rkey: 'did:web:localhost:3100',
    })
  })

  it('is null when there is no such record', async () => {
    await using pds = await serve(() => ({ status: 400, body: { error: 'RecordNotFound', message: 'no' } }))
    expect(await getEnrollmentByServiceDid(DID, pds.url, 'did:web:a.example')).toBeNull()
  })

  it('is null when the record is not a valid enrollment', async () => {
    await using pds = await serve(() => ({ body: { value: { $type: COLLECTION } } }))
    expect(await getEnrollmentByServiceDid(DID, pds.url, 'did:web:a.example')).toBeNull()
  })

  it.each([
    [400, { error: 'InvalidRequest' }],
    [502, { error: 'UpstreamFailure' }],
  ])('reports an answer of %d %j', async (status, body) => {
    await using pds = await serve(() => ({ status, body }))
    await expect(getEnrollmentByServiceDid(DID, pds.url, 'did:web:a.example')).rejects.toMatchObject({
      code: 'PdsRequestFailed',
      status,
      serverError: body.error,
    })
  })
})

it.each([
  ['did:web:stratos.example.com', 'did:web:stratos.example.com'],
  ['did:web:localhost%3A3100', 'did:web:localhost:3100'],
  ['did:web:localhost%3a3100', 'did:web:localhost:3100'],
])('derives the record key of %s', (serviceDid, rkey) => {
  expect(serviceDIDToRkey(serviceDid)).toBe(rkey)
})
