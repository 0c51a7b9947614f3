import { describe, expect, it } from 'vitest'
import { buildStub, isStub, parseStubSource } from './stub.ts'

const URI = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'
const CID = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'
const SERVICE = 'did:web:stratos.example.com#atproto_pns'
const NOW = '2030-01-01T00:00:00.000Z'

const record = {
  $type: 'zone.stratos.feed.post',
  text: 'a secret',
  boundary: { values: [{ value: 'did:web:stratos.example.com/general' }] },
  createdAt: '2024-01-15T12:00:00.000Z',
}
const target = { uri: URI, cid: CID, service: SERVICE, nowIso: NOW }

describe('buildStub', () => {
  it('has a type, a source and a date, and nothing else of the record', () => {
    expect(buildStub(record, target)).toEqual({
      $type: 'zone.stratos.feed.post',
      source: { vary: 'authenticated', subject: { uri: URI, cid: CID }, service: SERVICE },
      createdAt: '2024-01-15T12:00:00.000Z',
    })
  })

  it.each([undefined, null, 7, '', 'yesterday', '2024-01-15', 'a secret', '2024-13-45T99:00:00Z'])(
    'uses the present time when createdAt is %j',
    (createdAt) => {
      expect(buildStub({ ...record, createdAt }, target).createdAt).toBe(NOW)
    },
  )

  it('is recognised as a stub', () => {
    expect(isStub(buildStub(record, target))).toBe(true)
  })
})

describe('parseStubSource', () => {
  const stub = buildStub(record, target)

  it('reads where the full record is', () => {
    const source = { vary: 'authenticated', subject: { uri: URI, cid: CID }, service: SERVICE }
    expect(parseStubSource(stub)).toEqual({ ...source, serviceDid: 'did:web:stratos.example.com' })
  })

  it.each([
    ['did:web:stratos.example.com', 'did:web:stratos.example.com'],
    ['did:web:stratos.example.com#a#b', 'did:web:stratos.example.com'],
    ['#a', ''],
  ])('takes the DID of %s to be %j', (service, serviceDid) => {
    expect(parseStubSource({ source: { ...stub.source, service } })?.serviceDid).toBe(serviceDid)
  })

  it.each([
    ['a full record', record],
    ['nothing', undefined],
    ['text', 'stub'],
    ['a source that is text', { source: SERVICE }],
    ['a source without vary', { source: { ...stub.source, vary: undefined } }],
    ['a source without service', { source: { ...stub.source, service: undefined } }],
    ['a source without subject', { source: { ...stub.source, subject: undefined } }],
    ['a subject without CID', { source: { ...stub.source, subject: { uri: URI } } }],
    ['a subject whose URI is a number', { source: { ...stub.source, subject: { uri: 7, cid: CID } } }],
  ])('returns null for %s', (_, value) => {
    expect(parseStubSource(value)).toBeNull()
    expect(isStub(value)).toBe(false)
  })
})
