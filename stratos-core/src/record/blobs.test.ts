import { cidForCbor, cidForRawBytes, parseCid, type LexMap } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { blobsOf } from './blobs.ts'

const [one, two, three] = await Promise.all(
  ['one', 'two', 'three'].map((text) => cidForRawBytes(Buffer.from(text))),
)
const ofRecord = await cidForCbor(Buffer.from([0xa0]))
const blob = (ref: unknown, more: object = {}) =>
  ({ $type: 'blob', ref, mimeType: 'image/png', size: 7, ...more }) as LexMap

describe('blobsOf', () => {
  it('finds blobs at any depth, each once', () => {
    const record = {
      $type: 'com.example.album',
      cover: blob(one),
      pages: [{ images: [{ image: blob(two) }] }, [blob(three)], { image: blob(one) }],
    }
    const found = blobsOf(record).map(({ cid, mimeType, size }) => [cid.toString(), mimeType, size])
    expect(found.toSorted()).toEqual([one, two, three].map((cid) => [String(cid), 'image/png', 7]).toSorted())
  })

  it.each([
    ['without a type', { ref: one, mimeType: 'image/png', size: 7 }],
    ['of another type', blob(one, { $type: 'com.example.blob' })],
    ['whose CID is that of a record', blob(ofRecord)],
    ['whose CID is text', blob(String(one))],
    ['without a size', blob(one, { size: undefined })],
    ['in the form of old', { cid: String(one), mimeType: 'image/png' }],
  ])('does not take for a blob an object %s', (_what, image) => {
    expect(blobsOf({ $type: 'com.example.album', image } as LexMap)).toEqual([])
  })

  it('gives CIDs whose text form can be parsed again', () => {
    const [found] = blobsOf({ image: blob(two) })
    expect(parseCid(String(found?.cid)).equals(two!)).toBe(true)
  })
})
