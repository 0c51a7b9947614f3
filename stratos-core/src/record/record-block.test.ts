import { type JsonValue, jsonToLex } from '@atproto/lex-json'
import type { LexMap } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { MAX_RECORD_BYTES, decodeRecord, encodeRecord } from './record-block.ts'
import vectors from './record-block.vectors.json' with { type: 'json' }

const INVALID = expect.objectContaining({ code: 'InvalidRecord' })

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const recordOf = (json: unknown): LexMap => jsonToLex(json as JsonValue) as LexMap

/** A list in a list in a list, as often as it takes to make the record this many levels deep. */
function nested(levels: number): LexMap {
  let value: LexMap[string] = 'deepest'
  for (let level = 1; level < levels; level++) value = [value]
  return { value }
}

describe('encodeRecord', () => {
  it.each(vectors.valid)(
    'encodes $name to the bytes and CID that others make of it',
    async ({ json, hex, cid }) => {
      const block = await encodeRecord(recordOf(json))
      expect(Buffer.from(block.bytes).toString('hex')).toBe(hex)
      expect(block.cid.toString()).toBe(cid)
    },
  )

  it.each(vectors.invalidJson)('refuses $name', async ({ json }) => {
    await expect(encodeRecord(recordOf(json))).rejects.toThrow(INVALID)
  })

  it.each([
    ['a lone surrogate', { text: '\ud800' }],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a __proto__ member', JSON.parse('{"__proto__":{"admin":true}}')],
    ['a nested __proto__ member', JSON.parse('{"a":[{"__proto__":1}]}')],
    ['undefined in a list', { list: [undefined] }],
    ['a date', { at: new Date(0) }],
    ['a map object', { map: new Map() }],
    ['a big integer', { n: 1n }],
    ['a function', { f: () => 1 }],
    ['not a number', { n: Number.NaN }],
    ['infinity', { n: Number.POSITIVE_INFINITY }],
    ['numbers of two bytes', { bytes: new Uint16Array(2) }],
    ['an object of a class', { url: new URL('https://example.com') }],
  ])('refuses %s', async (_, value) => {
    await expect(encodeRecord(value as unknown as LexMap)).rejects.toThrow(INVALID)
  })

  it('refuses a record that contains itself', async () => {
    const record: LexMap = {}
    record.self = record
    await expect(encodeRecord(record)).rejects.toThrow(INVALID)
  })

  it('treats a member that is undefined as absent, and minus zero as zero', async () => {
    expect(decodeRecord((await encodeRecord({ a: undefined, b: -0 })).bytes)).toEqual({ b: 0 })
  })

  it('allows 64 levels and not one more', async () => {
    expect(decodeRecord((await encodeRecord(nested(64))).bytes)).toEqual(nested(64))
    await expect(encodeRecord(nested(65))).rejects.toThrow(INVALID)
    await expect(encodeRecord(nested(20_000))).rejects.toThrow(INVALID)
  })

  it('allows 256 KiB and not one byte more', async () => {
    const overhead = (await encodeRecord({ text: 'x'.repeat(100_000) })).bytes.byteLength - 100_000
    const largest = { text: 'x'.repeat(MAX_RECORD_BYTES - overhead) }
    expect((await encodeRecord(largest)).bytes).toHaveLength(MAX_RECORD_BYTES)
    await expect(encodeRecord({ text: `${largest.text}x` })).rejects.toThrow(INVALID)
  })
})

describe('decodeRecord', () => {
  it.each(vectors.valid)('decodes $name', ({ json, hex }) => {
    expect(decodeRecord(bytesOf(hex))).toEqual(recordOf(json))
  })

  it.each(vectors.invalidBytes)('refuses $name', ({ hex }) => {
    expect(() => decodeRecord(bytesOf(hex))).toThrow(INVALID)
  })

  it('refuses nesting deep enough to exhaust the stack', () => {
    expect(() => decodeRecord(new Uint8Array(MAX_RECORD_BYTES).fill(0x81))).toThrow(INVALID)
  })

  it('refuses a record that is too large before it decodes it', () => {
    expect(() => decodeRecord(new Uint8Array(MAX_RECORD_BYTES + 1))).toThrow(/at most 262144 bytes/)
  })
})
