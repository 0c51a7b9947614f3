/** Rows or keys per statement: both databases bound the number of parameters, and rows have at most ten columns. */
const PER_STATEMENT = 500

/** Cuts a list into pieces that fit into one statement each; nothing for an empty list. */
export function pages<T>(items: readonly T[]): (readonly T[])[] {
  const found: (readonly T[])[] = []
  for (let start = 0; start < items.length; start += PER_STATEMENT) {
    found.push(items.slice(start, start + PER_STATEMENT))
  }
  return found
}
