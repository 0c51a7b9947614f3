import { parseCid } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { assertDataModel } from './data-model.ts'

// What records may hold is tested with their encoding; here is what must not even get that far.
describe('assertDataModel', () => {
  it.each([
    ['a __proto__ member', '{"__proto__":{"admin":true}}'],
    ['a nested __proto__ member', '{"a":[{"__proto__":1}]}'],
    ['a fraction', '{"a":{"b":[0.5]}}'],
    ['a list', '[]'],
  ])('refuses %s', (_, json) => {
    expect(() => assertDataModel(JSON.parse(json))).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
  })

  const RAW = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
  const OF_RECORD = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'
  const blob = (more: object = {}) => ({
    $type: 'blob',
    ref: parseCid(RAW),
    mimeType: 'image/png',
    size: 7,
    ...more,
  })

  it.each([
    ['with a number for its ref', blob({ ref: 1 })],
    ['with text for its ref', blob({ ref: RAW })],
    ['with the CID of a record', blob({ ref: parseCid(OF_RECORD) })],
    ['without a ref', blob({ ref: undefined })],
    ['without a size', { $type: 'blob', ref: parseCid(RAW), mimeType: 'image/png' }],
    ['with a negative size', blob({ size: -1 })],
    ['with a type that is none', blob({ mimeType: 'png' })],
    ['with a member too many', blob({ alt: 'a cat' })],
    ['in the form of earlier days', { cid: RAW, mimeType: 'image/png' }],
  ])('refuses a blob %s', (_what, image) => {
    expect(() => assertDataModel({ deep: [{ image }] })).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
  })

  it('accepts a blob, and what only has some of its members', () => {
    expect(() => assertDataModel({ image: blob() })).not.toThrow()
    expect(() => assertDataModel({ link: { cid: RAW, mimeType: 'image/png', of: 'x' } })).not.toThrow()
  })

  it('accepts a plain object, wherever it was made', () => {
    expect(() => assertDataModel({})).not.toThrow()
    expect(() => assertDataModel(Object.create(null))).not.toThrow()
  })
})
