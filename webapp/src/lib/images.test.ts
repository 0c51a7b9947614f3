import { describe, expect, it } from 'vitest'
import { explainUnusableFile, MAX_IMAGE_BYTES, parseImages } from './images.ts'

const cid = 'bafkreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'

describe('parseImages', () => {
  const embed = (images: unknown) => ({ embed: { $type: 'app.bsky.embed.images', images } })

  it('reads references in JSON, and those that an agent has parsed', () => {
    const parsed = { toString: () => cid }
    const images = [{ alt: 'a boat', image: { ref: { $link: cid } } }, { image: { ref: parsed } }]
    expect(parseImages(embed(images))).toEqual([
      { cid, alt: 'a boat' },
      { cid, alt: '' },
    ])
  })

  it.each([
    ['nothing', undefined],
    ['no embed', {}],
    [
      'another embed',
      { embed: { $type: 'app.bsky.embed.external', images: [{ image: { ref: { $link: cid } } }] } },
    ],
    ['no list', embed('x')],
    ['no reference', embed([null, 1, {}, { image: null }, { image: { ref: null } }])],
    [
      'another reference',
      embed([{ image: { ref: { $link: 'javascript:alert(1)' } } }, { image: { ref: {} } }]),
    ],
    [
      'what cannot be made text',
      embed([
        { image: { ref: { toString: 1 } } },
        { image: { ref: { toString: {}, valueOf: {} } } },
        { image: { ref: Object.create(null) as object } },
      ]),
    ],
  ])('finds none in %s', (_, value) => {
    expect(parseImages(value)).toEqual([])
  })

  it('shows no more than a post may have', () => {
    expect(parseImages(embed(Array(9).fill({ image: { ref: { $link: cid } } })))).toHaveLength(4)
  })
})

it.each([
  ['boat.png', 'image/png', 1, null],
  ['boat.png', 'image/png', MAX_IMAGE_BYTES, null],
  ['boat.png', 'image/png', MAX_IMAGE_BYTES + 1, /boat\.png is too large.*2\.0 MB/],
  ['boat.png', 'image/png', 0, /empty/],
  ['boat.svg', 'image/svg+xml', 1, /no picture/],
  ['boat', '', 1, /no picture/],
])('says of %s of type %s with %d bytes whether it can be attached', (name, type, size, problem) => {
  const said = explainUnusableFile({ name, type, size })
  if (problem === null) expect(said).toBeNull()
  else expect(said).toMatch(problem)
})
