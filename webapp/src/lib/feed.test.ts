import { describe, expect, it } from 'vitest'
import { boundaryName, countGraphemes, fitsIntoPost, formatAge, parsePost } from './feed.ts'

const uri = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'

describe('parsePost', () => {
  it('reads text, time and boundaries', () => {
    const boundary = { values: [{ value: 'did:web:a.example/general' }] }
    const value = { text: 'hello', createdAt: '2024-01-15T12:00:00.000Z', boundary }
    expect(parsePost({ uri, value })).toEqual({
      uri,
      did: 'did:plc:alice',
      rkey: '3jzfcijpj2z2a',
      text: 'hello',
      parts: [{ text: 'hello', href: null }],
      isAnswer: false,
      createdAt: new Date('2024-01-15T12:00:00.000Z'),
      boundaries: ['did:web:a.example/general'],
      images: [],
    })
  })

  it.each([null, 'text', {}, { text: 5, createdAt: 'yesterday', boundary: { values: 'x' } }])(
    'shows an empty post for the record %j',
    (value) => {
      expect(parsePost({ uri, value })).toMatchObject({ text: '', createdAt: null, boundaries: [] })
    },
  )
})

it('shows the name of a boundary, or all of what is none', () => {
  expect(boundaryName('did:web:localhost%3A3100/book club')).toBe('book club')
  expect(boundaryName('strange')).toBe('strange')
})

describe('formatAge', () => {
  const now = new Date('2024-06-15T12:00:00Z')
  const before = (ms: number) => new Date(now.getTime() - ms)

  it.each([
    [0, 'now'],
    [59_999, 'now'],
    [-30_000, 'now'],
    [60_000, '1m'],
    [59 * 60_000, '59m'],
    [60 * 60_000, '1h'],
    [23 * 3_600_000, '23h'],
    [24 * 3_600_000, '1d'],
    [6 * 86_400_000, '6d'],
  ])('writes an age of %d ms as %s', (ms, text) => {
    expect(formatAge(before(ms), now)).toBe(text)
  })

  it('writes a date after a week, with the year if it is another one', () => {
    expect(formatAge(before(7 * 86_400_000), now)).toMatch(/Jun/)
    expect(formatAge(before(7 * 86_400_000), now)).not.toMatch(/2024/)
    expect(formatAge(before(400 * 86_400_000), now)).toMatch(/2023/)
    expect(formatAge(before(-3 * 86_400_000), now)).toMatch(/Jun/)
  })
})

it.each([
  ['', 0],
  ['abc', 3],
  ['👨‍👩‍👧‍👦🇩🇪', 2],
  ['e\u0301', 1],
])('counts %j as %d characters', (text, count) => {
  expect(countGraphemes(text)).toBe(count)
})

it('takes 300 characters and 3000 bytes, and no more of either', () => {
  expect(fitsIntoPost('x'.repeat(300))).toBe(true)
  expect(fitsIntoPost('x'.repeat(301))).toBe(false)
  // One family emoji is 25 bytes and one character.
  expect(fitsIntoPost('👨‍👩‍👧‍👦'.repeat(120))).toBe(true)
  expect(fitsIntoPost('👨‍👩‍👧‍👦'.repeat(121))).toBe(false)
})
