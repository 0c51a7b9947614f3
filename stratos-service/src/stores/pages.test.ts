import { describe, expect, it } from 'vitest'
import { padded, pages, pieces } from './pages.ts'

describe('pages', () => {
  it('are of 500 items, in order and without a rest', () => {
    const items = Array.from({ length: 1_201 }, (_, index) => index)
    expect(pages(items).map((page) => page.length)).toEqual([500, 500, 201])
    expect(pages(items).flat()).toEqual(items)
    expect(pages([])).toEqual([])
  })
})

describe('padded', () => {
  it.each([
    [[], []],
    [['a'], ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'c'],
    ],
    [
      ['a', 'b', 'c', 'd', 'e'],
      ['a', 'b', 'c', 'd', 'e', 'e', 'e', 'e'],
    ],
  ])('makes %j into %j', (items, expected) => {
    expect(padded(items)).toEqual(expected)
  })
})

describe('pieces', () => {
  it.each([
    [0, []],
    [1, [1]],
    [8, [8]],
    [9, [8, 1]],
    [31, [16, 8, 7]],
    [200, [32, 32, 32, 32, 32, 32, 8]],
  ])('of %i items have few different lengths and leave nothing out', (count, lengths) => {
    const items = Array.from({ length: count }, (_, index) => index)
    expect(pieces(items).map((piece) => piece.length)).toEqual(lengths)
    expect(pieces(items).flat()).toEqual(items)
  })
})
