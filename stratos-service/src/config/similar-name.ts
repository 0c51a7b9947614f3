const MAX_EDITS = 3

/** @returns the name that differs least from `name`, by at most three letters; null if there is none */
export function findSimilarName(name: string, names: readonly string[]): string | null {
  let best: { name: string; edits: number } | null = null
  for (const candidate of names) {
    const edits = countEdits(name, candidate)
    if (edits <= MAX_EDITS && edits < (best?.edits ?? Infinity)) best = { name: candidate, edits }
  }
  return best?.name ?? null
}

/** Levenshtein distance: letters to add, remove or replace. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, n) => n)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
