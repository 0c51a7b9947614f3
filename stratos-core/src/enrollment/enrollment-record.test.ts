import { describe, expect, it } from 'vitest'
import { buildEnrollmentRecord, parseEnrollmentRecord, serviceDidToRkey } from './enrollment-record.ts'

const RKEY = 'did:web:stratos.example.com'
const GENERAL = 'did:web:stratos.example.com/general'

const record = buildEnrollmentRecord({
  service: 'https://stratos.example.com',
  boundaries: [GENERAL],
  signingKey: 'did:key:zDnaeExample',
  attestation: { sig: new Uint8Array([1, 2, 3]), signingKey: 'did:key:zQ3shExample' },
  createdAt: '2024-01-15T12:00:00.000Z',
})

describe('serviceDidToRkey', () => {
  it.each([
    ['did:web:stratos.example.com', 'did:web:stratos.example.com'],
    ['did:web:localhost%3A3100', 'did:web:localhost:3100'],
    ['did:web:localhost%3a3100', 'did:web:localhost:3100'],
    ['did:web:a%3A1%3A2', 'did:web:a:1:2'],
  ])('keeps the enrollment with %s under %s', (did, rkey) => {
    expect(serviceDidToRkey(did)).toBe(rkey)
  })

  it('refuses a DID that no record key can stand for', () => {
    expect(() => serviceDidToRkey('did:web:host%2Fpath')).toThrow(
      expect.objectContaining({ code: 'InvalidRequest' }),
    )
  })
})

describe('buildEnrollmentRecord', () => {
  it('names its type and wraps each boundary', () => {
    expect(record).toEqual({
      $type: 'zone.stratos.actor.enrollment',
      service: 'https://stratos.example.com',
      boundaries: [{ value: GENERAL }],
      signingKey: 'did:key:zDnaeExample',
      attestation: { sig: new Uint8Array([1, 2, 3]), signingKey: 'did:key:zQ3shExample' },
      createdAt: '2024-01-15T12:00:00.000Z',
    })
  })
})

describe('parseEnrollmentRecord', () => {
  const parsed = {
    rkey: RKEY,
    service: record.service,
    boundaries: [GENERAL],
    signingKey: record.signingKey,
    attestation: record.attestation,
    createdAt: record.createdAt,
  }

  it('reads what buildEnrollmentRecord wrote', () => {
    expect(parseEnrollmentRecord(record, RKEY)).toEqual(parsed)
  })

  it('reads the same record in JSON', () => {
    const attestation = { sig: { $bytes: 'AQID' }, signingKey: 'did:key:zQ3shExample' }
    expect(parseEnrollmentRecord({ ...record, attestation }, RKEY)).toEqual(parsed)
  })

  it('takes any record key and members it does not know', () => {
    expect(parseEnrollmentRecord({ ...record, extra: 1 }, 'self')).toEqual({ ...parsed, rkey: 'self' })
  })

  it.each([
    ['no boundaries', undefined],
    ['boundaries that are no list', 'general'],
    ['boundaries it cannot use', [{ value: 'general' }, GENERAL, null]],
  ])('reads a record with %s as one without', (_, boundaries) => {
    expect(parseEnrollmentRecord({ ...record, boundaries }, RKEY)).toEqual({ ...parsed, boundaries: [] })
  })

  it.each([
    ['nothing', undefined],
    ['a list', []],
    ['an empty object', {}],
    ['a service that is a DID', { ...record, service: RKEY }],
    ['a service that is a script', { ...record, service: 'javascript:alert(1)' }],
    ['a service longer than an address', { ...record, service: `https://x/${'/'.repeat(200_000)}x` }],
    ['a signing key longer than a key', { ...record, signingKey: `did:key:z${'y'.repeat(300)}` }],
    ['no signing key', { ...record, signingKey: undefined }],
    ['no attestation', { ...record, attestation: undefined }],
    ['an attestation without signature', { ...record, attestation: { signingKey: 'did:key:z' } }],
    [
      'a signature that is no base64',
      { ...record, attestation: { sig: { $bytes: '*' }, signingKey: 'did:key:z' } },
    ],
    ['an attestation without key', { ...record, attestation: { sig: { $bytes: 'AQID' } } }],
    ['a date that is no text', { ...record, createdAt: 7 }],
  ])('returns null for %s', (_, value) => {
    expect(parseEnrollmentRecord(value, RKEY)).toBeNull()
  })
})
