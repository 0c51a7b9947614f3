import { describe, expect, it } from 'vitest'
import { parseJson } from './json-body.ts'

const INVALID = expect.objectContaining({ code: 'InvalidRequest' })
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const wide = (members: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: members }, (_, index) => [`m${index}`, index])))

describe('parseJson', () => {
  it.each([
    ['an empty object', '{}'],
    ['members of one name in different objects', '{"a":{"a":1},"b":[{"a":2},{"a":3}]}'],
    ['colons, braces and escaped quotes inside text', String.raw`{"a:{[\"":"}]:\\","b":"\\\""}`],
    ['a __proto__ member, for others to refuse', '{"__proto__":{"a":1}}'],
    ['text beyond the first plane', '{"🦊":"\ufeff𝔘"}'],
    ['67 levels', nested(67)],
    ['10,000 members', wide(10_000)],
  ])('reads %s as JSON.parse does', (_what, text) => {
    expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text))
  })

  it.each([
    ['nothing', Buffer.from('')],
    ['half an object', Buffer.from('{"a":')],
    ['text that never ends', Buffer.from('{"a\\')],
    ['something behind the end', Buffer.from('{} x')],
    ['a byte order mark', Buffer.from('\ufeff{}')],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['UTF-16 with a byte order mark', Buffer.from('\ufeff{"a":1}', 'utf16le')],
    ['Latin-1', Buffer.from('{"a":"é"}', 'latin1')],
    ['an overlong form', Buffer.from('{"a":"\xc0\xaf"}', 'latin1')],
    ['a surrogate in UTF-8', Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1')],
    ['two members of one name', Buffer.from('{"a":1,"b":[{"c":1,"c":1}]}')],
    ['two members of one name, one of them escaped', Buffer.from(String.raw`{"a":1,"\u0061":2}`)],
    ['68 levels', Buffer.from(nested(68))],
    ['20,000 levels that nobody closes', Buffer.from('[{"a":'.repeat(10_000))],
    ['10,001 members', Buffer.from(wide(10_001))],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parseJson(bytes)).toThrow(INVALID)
  })
})
