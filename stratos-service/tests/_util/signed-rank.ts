/**
 * Wilcoxon's signed-rank test, two-sided, in its normal approximation.
 *
 * @param differences of at least 20 pairs
 * @returns how likely differences as large as these are if the order in the pairs is chance
 */
export function signedRankP(differences: readonly number[]): number {
  const ranked = differences.filter((value) => value !== 0).toSorted((a, b) => Math.abs(a) - Math.abs(b))
  const n = ranked.length
  const positive = ranked.reduce((sum, value, at) => (value > 0 ? sum + at + 1 : sum), 0)
  const mean = (n * (n + 1)) / 4
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24)
  return 2 * upperTail(Math.abs(positive - mean) / deviation)
}

/** Of the normal distribution (Abramowitz and Stegun 26.2.17), to seven digits. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z)
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429]
  const polynomial = series.reduceRight((sum, coefficient) => (sum + coefficient) * t, 0)
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial
}
