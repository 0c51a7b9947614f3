import { describe, expect, it } from 'vitest'
import {
  formatAtUri,
  nextTid,
  parseAtUri,
  parseCid,
  parseDid,
  parseNsid,
  parseRkey,
  parseTid,
} from './ids.ts'

const parsers = { parseDid, parseNsid, parseRkey, parseTid, parseAtUri }

describe('parsing identifiers', () => {
  it.each([
    ['parseDid', 'did:plc:alice'],
    ['parseDid', 'did:web:localhost%3A3100'],
    ['parseNsid', 'zone.stratos.feed.post'],
    ['parseRkey', '3jzfcijpj2z2a'],
    ['parseRkey', 'did:web:localhost:3100'],
    ['parseTid', '3jzfcijpj2z2a'],
  ] as const)('%s returns %s unchanged', (parser, text) => {
    expect(parsers[parser](text)).toBe(text)
  })

  it.each([
    ['parseDid', ''],
    ['parseDid', 'alice.test'],
    ['parseDid', 'did:plc:alice/'],
    ['parseDid', 'did:plc:alice#x'],
    ['parseDid', '../did:plc:alice'],
    ['parseDid', 'did:plc:alice '],
    ['parseNsid', 'zone.stratos'],
    ['parseNsid', '__proto__'],
    ['parseNsid', 'zone.stratos.feed.post/1'],
    ['parseRkey', ''],
    ['parseRkey', '.'],
    ['parseRkey', '..'],
    ['parseRkey', 'a/b'],
    ['parseRkey', 'a%20b'],
    ['parseTid', '3jzfcijpj2z2'],
    ['parseTid', 'zzzzzzzzzzzzz'],
    ['parseAtUri', ''],
    ['parseAtUri', 'https://example.com/did:plc:alice/zone.stratos.feed.post/1'],
    ['parseAtUri', 'at://did:plc:alice'],
    ['parseAtUri', 'at://did:plc:alice/zone.stratos.feed.post'],
    ['parseAtUri', 'at://did:plc:alice/zone.stratos.feed.post/'],
    ['parseAtUri', 'at://did:plc:alice/zone.stratos.feed.post/1/2'],
    ['parseAtUri', 'at://did:plc:alice/zone.stratos.feed.post/1#/text'],
    ['parseAtUri', 'at://did:plc:alice/zone.stratos.feed.post/1?x=1'],
    ['parseAtUri', 'at://did:plc:alice/notansid/1'],
    ['parseAtUri', 'at://alice.test/zone.stratos.feed.post/1'],
    ['parseAtUri', 'AT://did:plc:alice/zone.stratos.feed.post/1'],
  ] as const)('%s refuses %j as InvalidRequest', (parser, text) => {
    expect(() => parsers[parser](text)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })

  it('refuses what is too long', () => {
    expect(() => parseRkey('x'.repeat(513))).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
    const uri = `at://did:plc:alice/zone.stratos.feed.post/${'1'.repeat(10_000)}`
    expect(() => parseAtUri(uri)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })

  it('splits a record URI into its three names and puts it together again', () => {
    const uri = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'
    const address = { did: 'did:plc:alice', collection: 'zone.stratos.feed.post', rkey: '3jzfcijpj2z2a' }
    expect(parseAtUri(uri)).toEqual(address)
    expect(formatAtUri(parseAtUri(uri))).toBe(uri)
  })

  it('does not repeat more than a little of a wrong identifier in the message', () => {
    expect(() => parseDid('x'.repeat(10_000))).toThrow(/^.{1,150}$/)
  })

  it('takes CIDs in the one text form they are stored in', () => {
    const cid = 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm'
    expect(parseCid(cid).toString()).toBe(cid)
    const sameInBase58 = 'zdpuAyTBNEHbtDPXASxmuTJmX2Ro8hMpE6PmDGK6gzhpfVKKo'
    for (const wrong of [
      '',
      'bafy',
      cid.toUpperCase(),
      sameInBase58,
      'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG',
    ]) {
      expect(() => parseCid(wrong)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
    }
  })
})

describe('nextTid', () => {
  const nowMs = Date.UTC(2024, 0, 15, 12)

  it('encodes the clock in microseconds and the clock id', () => {
    expect(nextTid(undefined, 0)).toBe('2222222222222')
    expect(nextTid(undefined, 0.001)).toBe('2222222222322')
    expect(nextTid(undefined, 0, 33)).toBe('2222222222233')
    expect(nextTid(undefined, nowMs)).toBe('3kizf2hc62222')
  })

  it('follows the clock when the clock is ahead of the previous TID', () => {
    const previous = nextTid(undefined, nowMs)
    expect(nextTid(previous, nowMs + 1)).toBe(nextTid(undefined, nowMs + 1))
  })

  it.each(['3kj2dt42s2222', '3kj2dt42s222z', '3kj2dt42szzzz', '3kj2dt42zzzzz', 'j222222222222'])(
    'goes one beyond %s when the clock stands still or goes back',
    (previous) => {
      const next = nextTid(previous, 0)
      expect(parseTid(next)).toBe(next)
      expect(next > previous).toBe(true)
      expect(numberOf(next) - numberOf(previous)).toBe(1n)
    },
  )

  it('refuses to go beyond the last TID there is', () => {
    expect(() => nextTid('jzzzzzzzzzzzz', nowMs)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })
})

function numberOf(tid: string): bigint {
  return [...tid].reduce(
    (sum, digit) => sum * 32n + BigInt('234567abcdefghijklmnopqrstuvwxyz'.indexOf(digit)),
    0n,
  )
}
