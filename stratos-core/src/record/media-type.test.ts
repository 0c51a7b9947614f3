import { describe, expect, it } from 'vitest'
import { decideMediaType, isShownInPlace } from './media-type.ts'

const bytes = (text: string) => Buffer.from(text.padEnd(64, '\0'), 'latin1')
const PNG = bytes('\x89PNG\r\n\x1a\n')
const JPEG = bytes('\xff\xd8\xff\xe0')
const SVG = bytes('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>')

describe('decideMediaType', () => {
  it.each([
    ['image/png', PNG],
    ['image/jpeg', JPEG],
    ['image/gif', bytes('GIF89a')],
    ['image/webp', bytes('RIFF\x10\0\0\0WEBPVP8 ')],
    ['image/avif', bytes('\0\0\0\x20ftypavif')],
    ['image/heic', bytes('\0\0\0\x20ftypheic')],
    ['video/mp4', bytes('\0\0\0\x20ftypisom')],
    ['video/quicktime', bytes('\0\0\0\x14ftypqt  ')],
    ['video/webm', bytes('\x1a\x45\xdf\xa3')],
    ['audio/mpeg', bytes('ID3\x04')],
    ['audio/mpeg', bytes('\xff\xfb\x90')],
    ['audio/ogg', bytes('OggS')],
    ['audio/wav', bytes('RIFF\x10\0\0\0WAVEfmt ')],
    ['application/pdf', bytes('%PDF-1.7')],
  ])('recognises %s', (type, head) => {
    for (const silent of [undefined, '', '*/*', 'image/*', 'application/octet-stream'])
      expect(decideMediaType(silent, head)).toBe(type)
    expect(decideMediaType(`${type.toUpperCase()}; codecs=x`, head)).toBe(type)
  })

  it.each([
    ['image/png', JPEG],
    ['image/jpeg', SVG],
    ['image/png', bytes('')],
    ['image/png', new Uint8Array()],
    ['text/plain', PNG],
    ['video/mp4', bytes('\0\0\0\x20ftypavif')],
    ['image/svg+xml', PNG],
  ])('refuses %s for something else', (type, head) => {
    expect(() => decideMediaType(type, head)).toThrow(expect.objectContaining({ code: 'InvalidMimeType' }))
  })

  it.each(['image', 'a/b/c', 'text/pl ain', 'text/plain\r\nX: y', `text/${'x'.repeat(200)}`, '/'])(
    'refuses %j, which is no type',
    (type) => {
      expect(() => decideMediaType(type, bytes('hello'))).toThrow(
        expect.objectContaining({ code: 'InvalidMimeType' }),
      )
    },
  )

  it('believes what cannot be recognised', () => {
    expect(decideMediaType('image/svg+xml', SVG)).toBe('image/svg+xml')
    expect(decideMediaType('text/html; charset=utf-8', bytes('<html>'))).toBe('text/html')
    expect(decideMediaType('audio/mp4', bytes('\0\0\0\x20ftypM4A '))).toBe('audio/mp4')
    expect(decideMediaType(undefined, bytes('hello'))).toBe('application/octet-stream')
  })
})

describe('isShownInPlace', () => {
  it.each(['image/png', 'image/avif', 'video/mp4', 'audio/ogg'])('shows %s', (type) => {
    expect(isShownInPlace(type)).toBe(true)
  })
  it.each(['image/svg+xml', 'text/html', 'application/pdf', 'application/octet-stream', 'text/xml'])(
    'does not show %s',
    (type) => {
      expect(isShownInPlace(type)).toBe(false)
    },
  )
})
