const FIRST_MS = 2_000
const LONGEST_MS = 24 * 60 * 60_000

/** How long to wait after the given number of failures: doubling from 2 s up to a day, with a fifth of jitter. */
export function backOffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(FIRST_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS)
  return Math.floor(full * (0.8 + 0.2 * random()))
}
