import { describe, expect, it } from 'vitest'
import { findLinks, splitText } from './rich-text.ts'

const link = (byteStart: number, byteEnd: number, uri: unknown = 'https://a.example/') => ({
  index: { byteStart, byteEnd },
  features: [{ $type: 'app.bsky.richtext.facet#link', uri }],
})

describe('the links in a text', () => {
  it.each([
    ['see https://a.example/x?y=1#z there', ['https://a.example/x?y=1#z']],
    ['(https://a.example/x).', ['https://a.example/x']],
    ['https://en.example/wiki/Lake_(water), then', ['https://en.example/wiki/Lake_(water)']],
    ['http://a.example https://b.example!', ['http://a.example', 'https://b.example']],
    ['a.example ftp://a.example javascript:alert(1) https://', []],
    ['', []],
  ])('of %j are %j', (text, addresses) => {
    const bytes = new TextEncoder().encode(text)
    const found = findLinks(text).map(({ index: { byteStart, byteEnd } }) =>
      new TextDecoder().decode(bytes.subarray(byteStart, byteEnd)),
    )
    expect(found).toEqual(addresses)
  })

  it('are where they were typed, also after wide characters', () => {
    const text = 'Grüße 👨‍👩‍👧 https://a.example/ü end'
    expect(splitText(text, findLinks(text))).toEqual([
      { text: 'Grüße 👨‍👩‍👧 ', href: null },
      { text: 'https://a.example/ü', href: 'https://a.example/%C3%BC' },
      { text: ' end', href: null },
    ])
  })
})

describe('the parts of a text', () => {
  it.each([
    ['is no list', 'facets'],
    ['holds nothing', [null, 5, {}, { index: null }, { index: {}, features: null }]],
    ['leads nowhere', [link(0, 5, 'javascript:alert(1)'), link(0, 5, 'data:text/html,x'), link(0, 5, 7)]],
    ['is out of bounds', [link(0, 99), link(-1, 3), link(3, 3), link(4, 2), link(0.5, 2)]],
    ['cuts a character', [link(0, 2), link(2, 5)]],
    [
      'is a mention',
      [{ index: { byteStart: 0, byteEnd: 5 }, features: [{ $type: 'x#mention', did: 'did:x' }] }],
    ],
  ])('are one where `facets` %s', (_, facets) => {
    expect(splitText('aü cd', facets)).toEqual([{ text: 'aü cd', href: null }])
  })

  it('are taken from the first of two that overlap, in order', () => {
    expect(splitText('abcdef', [link(4, 6), link(0, 3), link(2, 5)])).toEqual([
      { text: 'abc', href: 'https://a.example/' },
      { text: 'd', href: null },
      { text: 'ef', href: 'https://a.example/' },
    ])
  })

  it('are none of an empty text', () => {
    expect(splitText('', [link(0, 1)])).toEqual([])
  })
})
