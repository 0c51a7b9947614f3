import { describe, expect, it } from 'vitest'
import { boundariesOf, rawBoundariesOf } from './record-boundaries.ts'

const general = 'did:web:stratos.example.com/general'
const writers = 'did:web:stratos.example.com/writers'

describe('boundariesOf', () => {
  it('returns the values in their order', () => {
    expect(boundariesOf({ boundary: { values: [{ value: writers }, { value: general }] } })).toEqual([
      writers,
      general,
    ])
  })

  it.each([
    ['no record', undefined],
    ['null', null],
    ['text', 'boundary'],
    ['a record without boundary', { text: 'hello' }],
    ['a boundary that is null', { boundary: null }],
    ['a boundary that is text', { boundary: general }],
    ['a boundary without values', { boundary: {} }],
    ['no values', { boundary: { values: [] } }],
    ['values that are no list', { boundary: { values: { value: general } } }],
    ['values as plain text', { boundary: { values: [general] } }],
    ['one value that is no text', { boundary: { values: [{ value: general }, { value: 7 }] } }],
    ['one bare name among good ones', { boundary: { values: [{ value: general }, { value: 'writers' }] } }],
    ['an inherited boundary', Object.create({ boundary: { values: [{ value: general }] } })],
  ])('is empty for %s', (_, record) => {
    expect(boundariesOf(record)).toEqual([])
  })
})

describe('rawBoundariesOf', () => {
  it('keeps one entry for every value, usable or not', () => {
    const values = [{ value: general }, { value: 'bare' }, general, null, {}]
    expect(rawBoundariesOf({ boundary: { values } })).toEqual([
      general,
      'bare',
      undefined,
      undefined,
      undefined,
    ])
  })
})
