import { describe, expect, it } from 'vitest'
import { median, percentile, significant } from './statistics.ts'

const ONE_TO_HUNDRED = Array.from({ length: 100 }, (_, index) => index + 1)

describe('percentile', () => {
  it.each([
    [[7], 0.5, 7],
    [[7], 0.01, 7],
    [[1, 2], 0.5, 1],
    [[1, 2], 0.51, 2],
    [[3, 1, 2], 0.5, 2],
    [[10, 9, 100], 0.99, 100],
    [ONE_TO_HUNDRED, 0.5, 50],
    [ONE_TO_HUNDRED, 0.99, 99],
    [ONE_TO_HUNDRED, 0.29, 29],
    [ONE_TO_HUNDRED, 1, 100],
  ])('of %j at %d is %d', (values, share, expected) => {
    expect(percentile(values, share)).toBe(expected)
  })

  it('leaves the order of the values alone', () => {
    const values = [3, 1, 2]
    percentile(values, 0.5)
    expect(values).toEqual([3, 1, 2])
  })

  it.each([0, -1, 1.1, Number.NaN])('refuses the share %d', (share) => {
    expect(() => percentile([1], share)).toThrow(RangeError)
  })

  it('refuses no values', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError)
  })
})

describe('median', () => {
  it.each([
    [[7], 7],
    [[10, 9, 100], 10],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('refuses no values', () => {
    expect(() => median([])).toThrow(RangeError)
  })
})

describe('significant', () => {
  it.each([
    [1234.567, 1235],
    [0.00123456, 0.001235],
    [0, 0],
  ])('of %d is %d', (value, expected) => {
    expect(significant(value)).toBe(expected)
  })
})
