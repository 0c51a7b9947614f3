import { parseCid } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import type { UserViewer } from '../access/viewer.ts'
import { type RecordDraft, type RecordPolicy, validateRecord } from './validate-record.ts'

const SERVICE = 'did:web:stratos.example.com'
const GENERAL = `${SERVICE}/general`
const WRITERS = `${SERVICE}/writers`
const TID = '3jzfcijpj2z2a'
const CID = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'
const PARENT = 'at://did:plc:bob/zone.stratos.feed.post/3jzfcijpj2z2a'

const policy: RecordPolicy = {
  serviceDid: SERVICE,
  serviceBoundaries: new Set([GENERAL, WRITERS]),
  extraCollections: ['com.example.note', 'com.example.notes.*', 'zone.stratos.actor.enrollment'],
}
const author: UserViewer = {
  kind: 'user',
  did: 'did:plc:alice',
  enrolled: true,
  boundaries: new Set([GENERAL]),
}

const behind = (...values: unknown[]) => ({
  $type: 'zone.stratos.boundary.defs#Domains',
  values: values.map((value) => ({ value })),
})
const POST = {
  $type: 'zone.stratos.feed.post',
  text: 'hello',
  boundary: behind(GENERAL),
  createdAt: '2024-01-15T12:00:00.000Z',
}
const SOURCE = { vary: 'authenticated', subject: { uri: PARENT, cid: CID }, service: SERVICE }

function validate(record: object, change: Partial<RecordDraft> = {}) {
  return validateRecord(
    { collection: 'zone.stratos.feed.post', rkey: TID, record, ...change },
    policy,
    author,
  )
}

function validateOther(record: object, change: Partial<RecordDraft> = {}) {
  const collection = 'zone.stratos.other'
  return validate({ $type: collection, ...record }, { collection, rkey: 'any-key', ...change })
}

describe('validateRecord, with a post', () => {
  it('returns its boundaries, its references and that it is valid', () => {
    const reply = { parent: { uri: PARENT, cid: CID }, root: { uri: PARENT, cid: CID } }
    expect(validate({ ...POST, reply })).toEqual({
      boundaries: [GENERAL],
      references: [PARENT],
      validationStatus: 'valid',
    })
  })

  it('accepts everything that the lexicon describes', () => {
    const image = {
      $type: 'blob',
      ref: parseCid(CID.replace('bafyrei', 'bafkrei')),
      mimeType: 'image/png',
      size: 5,
    }
    const full = {
      ...POST,
      text: 'é'.repeat(300),
      langs: ['en', 'de', 'pt-BR'],
      tags: Array.from({ length: 8 }, (_, index) => `tag ${index}`),
      labels: { $type: 'com.atproto.label.defs#selfLabels', values: [{ val: 'spoiler' }] },
      facets: [
        {
          index: { byteStart: 0, byteEnd: 2 },
          features: [{ $type: 'app.bsky.richtext.facet#link', uri: 'https://example.com' }],
        },
      ],
      embed: { $type: 'app.bsky.embed.images', images: [{ image, alt: 'a picture' }] },
    }
    expect(validate(full, { validate: true }).validationStatus).toBe('valid')
  })

  it.each([
    ['no date', { createdAt: undefined }],
    ['a date without time', { createdAt: '2024-01-15' }],
    ['a text of 301 characters', { text: 'x'.repeat(301) }],
    ['a text of more than 3000 bytes', { text: '👨‍👩‍👧‍👦'.repeat(150) }],
    ['a text that is a number', { text: 7 }],
    ['nine tags', { tags: Array.from({ length: 9 }, () => 'x') }],
    ['a tag of 65 characters', { tags: ['x'.repeat(65)] }],
    ['four languages', { langs: ['en', 'de', 'fr', 'pt'] }],
    ['a language that is none', { langs: ['not a language'] }],
    ['a facet without place', { facets: [{ features: [] }] }],
    ['an embed without type', { embed: { images: [] } }],
    ['a quote without CID', { embed: { $type: 'app.bsky.embed.record', record: { uri: PARENT } } }],
    ['a boundary without type', { boundary: { values: [{ value: GENERAL }] } }],
    [
      'eleven boundaries',
      { boundary: behind(...Array.from({ length: 11 }, (_, index) => `${SERVICE}/${index}`)) },
    ],
  ])('refuses %s', (_, members) => {
    const code = 'InvalidRecord'
    expect(() => validate({ ...POST, ...members })).toThrow(expect.objectContaining({ code }))
    expect(() => validate({ ...POST, ...members }, { validate: true })).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it.each([
    ['no $type', { $type: undefined }, 'InvalidRecord'],
    ['another $type', { $type: 'zone.stratos.other' }, 'InvalidRecord'],
    ['a $type that is a number', { $type: 7 }, 'InvalidRecord'],
    ['a fraction', { number: 1.5 }, 'InvalidRecord'],
    ['a lone surrogate', { text: '\ud800' }, 'InvalidRecord'],
    ['no boundary', { boundary: undefined }, 'InvalidRecord'],
    ['an empty list of boundaries', { boundary: behind() }, 'InvalidRecord'],
    ['a boundary that is text', { boundary: GENERAL }, 'InvalidRecord'],
    ['a boundary without values', { boundary: {} }, 'InvalidRecord'],
    ['a boundary value that is a number', { boundary: behind(GENERAL, 7) }, 'InvalidRecord'],
    ['a boundary twice', { boundary: behind(GENERAL, GENERAL) }, 'InvalidRecord'],
    ['a bare boundary', { boundary: behind('general') }, 'ServiceMismatch'],
    [
      'a boundary of another service',
      { boundary: behind('did:web:x.example.com/general') },
      'ServiceMismatch',
    ],
    ['a boundary of others', { boundary: behind(WRITERS) }, 'ForbiddenBoundary'],
    ['a source', { source: SOURCE }, 'InvalidRecord'],
    ['a broken source', { source: 7 }, 'InvalidRecord'],
    [
      'a quote of a public post',
      { embed: { record: { uri: 'at://did:plc:x/app.bsky.feed.post/1' } } },
      'InvalidRecord',
    ],
    ['a reply to nothing', { reply: {} }, 'InvalidRecord'],
  ])('refuses %s even where the lexicon is skipped', (_, members, code) => {
    const thrown = expect.objectContaining({ code })
    expect(() => validate({ ...POST, ...members }, { validate: false })).toThrow(thrown)
  })

  it('skips only the lexicon when asked to', () => {
    const odd = { ...POST, createdAt: 'yesterday', text: 'x'.repeat(1000) }
    expect(validate(odd, { validate: false })).toEqual({
      boundaries: [GENERAL],
      references: [],
      validationStatus: undefined,
    })
  })

  it.each(['self', '3jzfcijpj2z2', 'zzzzzzzzzzzzz', '', '..', 'a/b'])(
    'refuses the key %j, lexicon or not',
    (rkey) => {
      for (const validateFlag of [undefined, true, false]) {
        expect(() => validate(POST, { rkey, validate: validateFlag })).toThrow(
          expect.objectContaining({ code: 'InvalidRequest' }),
        )
      }
    },
  )

  it.each([null, 'text', [POST], 7, undefined])('refuses %j in place of a record', (record) => {
    const draft = { collection: 'zone.stratos.feed.post', rkey: TID, record } as const
    expect(() => validateRecord(draft, policy, author)).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
  })
})

describe('validateRecord, with a record of unknown lexicon', () => {
  it('accepts it and says that it is unknown', () => {
    expect(validateOther({ anything: [1, 2] })).toEqual({
      boundaries: [],
      references: [],
      validationStatus: 'unknown',
    })
  })

  it('refuses it when a known lexicon is demanded', () => {
    expect(() => validateOther({}, { validate: true })).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
  })

  it('checks the boundaries it has', () => {
    expect(validateOther({ boundary: behind(GENERAL) }).boundaries).toEqual([GENERAL])
    expect(() => validateOther({ boundary: behind(WRITERS) })).toThrow(
      expect.objectContaining({ code: 'ForbiddenBoundary' }),
    )
  })

  it.each([
    ['text', GENERAL],
    ['null', null],
    ['no list', { values: GENERAL }],
    ['a list of text', { values: [GENERAL] }],
  ])('does not take a boundary for absent when it is %s', (_, boundary) => {
    expect(() => validateOther({ boundary })).toThrow(expect.objectContaining({ code: 'InvalidRecord' }))
  })

  it('refuses a stub, but not a source of another shape', () => {
    expect(() => validateOther({ source: SOURCE })).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
    expect(validateOther({ source: 'a newspaper' }).validationStatus).toBe('unknown')
  })

  it('takes any record key', () => {
    expect(validateOther({}, { rkey: 'did:web:localhost:3100' }).validationStatus).toBe('unknown')
    expect(() => validateOther({}, { rkey: 'a b' })).toThrow(
      expect.objectContaining({ code: 'InvalidRequest' }),
    )
  })
})

describe('validateRecord, by collection', () => {
  it.each([
    'zone.stratos.anything',
    'com.example.note',
    'com.example.notes.x',
    'com.example.notes.x.y',
  ] as const)('keeps %s', (collection) => {
    expect(validate({ $type: collection }, { collection, rkey: 'k' }).validationStatus).toBe('unknown')
  })

  it.each([
    'app.bsky.feed.post',
    'zone.stratos.actor.enrollment',
    'zone.stratosphere.post',
    'Zone.stratos.feed.post',
    'com.example.notes',
    'com.example.note.x',
    'com.example.notesx.y',
  ] as const)('does not keep %s', (collection) => {
    for (const validateFlag of [undefined, true, false]) {
      expect(() =>
        validate({ $type: collection }, { collection, rkey: 'k', validate: validateFlag }),
      ).toThrow(expect.objectContaining({ code: 'InvalidCollection' }))
    }
  })
})
