import { describe, expect, it } from 'vitest'
import { MAX_JWS_LENGTH, parseCompactJws, parseJsonPart } from './compact-jws.ts'

const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url')

describe('parseCompactJws', () => {
  it('takes a token apart', () => {
    const jws = parseCompactJws('YQ.Yg.Yw')
    expect(jws).toEqual({
      headerText: 'YQ',
      payloadText: 'Yg',
      signingInput: Buffer.from('YQ.Yg'),
      signature: Buffer.from('c'),
    })
  })

  it.each([
    ['nothing', ''],
    ['two parts', 'YQ.Yg'],
    ['four parts', 'YQ.Yg.Yw.YQ'],
    ['an empty header', '.Yg.Yw'],
    ['an empty payload', 'YQ..Yw'],
    ['an empty signature', 'YQ.Yg.'],
    ['padding', 'YQ==.Yg==.Yw=='],
    ['the other alphabet', 'YQ.Yg.+/+/'],
    ['a space', 'YQ.Yg.Yw '],
    ['a newline at the end', 'YQ.Yg.Yw\n'],
    ['a NUL', 'YQ.Yg\0.Yw'],
    ['a letter that looks like another', 'YQ.Yg.Yѡ'],
    ['spare bits in the signature', 'YQ.Yg.Yx'],
    ['a signature of five letters', 'YQ.Yg.YWFhY'],
    ['too much', `YQ.${'A'.repeat(MAX_JWS_LENGTH)}.Yw`],
    ['a megabyte', 'A'.repeat(1024 * 1024)],
  ])('refuses %s', (_, text) => {
    expect(parseCompactJws(text)).toBeNull()
  })
})

describe('parseJsonPart', () => {
  it('reads an object', () => {
    expect(parseJsonPart(encode('{"a":"ü"}'))).toEqual({ a: 'ü' })
  })

  it.each([
    ['an array', '[]'],
    ['null', 'null'],
    ['text', '"a"'],
    ['a number', '1'],
    ['half an object', '{"a":1'],
    ['something after the object', '{}x'],
    ['a byte order mark', '\uFEFF{}'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('refuses %s', (_, json) => {
    expect(parseJsonPart(encode(json))).toBeNull()
  })

  it('refuses an object with spare bits or letters of another alphabet', () => {
    expect(parseJsonPart('e30')).toEqual({})
    expect(parseJsonPart('e31')).toBeNull()
    expect(parseJsonPart('e30=')).toBeNull()
  })
})
