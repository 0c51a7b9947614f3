/**
 * The smallest value that is not exceeded by the given share of all values.
 *
 * @param share above 0, up to 1: 0.99 for the 99th percentile
 * @throws {RangeError} without values, or for another share
 */
export function percentile(values: Iterable<number>, share: number): number {
  if (!(share > 0 && share <= 1)) throw new RangeError(`a share is above 0 and at most 1, not ${share}`)
  const sorted = Float64Array.from(values).sort()
  // A share such as 0.29 of 100 is 28.999…96, which must not become the next rank.
  const rank = Math.ceil(share * sorted.length - 1e-9)
  const value = sorted[Math.max(rank, 1) - 1]
  if (value === undefined) throw new RangeError('there are no values')
  return value
}

/**
 * The value in the middle; of an even number of values, the mean of the two in the middle.
 *
 * @throws {RangeError} without values
 */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort()
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (lower === undefined || upper === undefined) throw new RangeError('there are no values')
  return (lower + upper) / 2
}

/** Rounds to significant digits: what is beyond them is noise. */
export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits))
}
