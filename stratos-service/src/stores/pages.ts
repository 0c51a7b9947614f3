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

const LARGEST_PIECE = 32
const SMALL = 8

/**
 * Cuts a list into pieces of few different lengths, so that statements over lists come in few shapes and a prepared one
 * serves many; nothing for an empty list.
 */
export function pieces<T>(items: readonly T[]): (readonly T[])[] {
  const found: (readonly T[])[] = []
  for (let start = 0; start < items.length;) {
    const left = items.length - start
    const length = left <= SMALL ? left : Math.min(LARGEST_PIECE, 2 ** Math.floor(Math.log2(left)))
    found.push(items.slice(start, start + length))
    start += length
  }
  return found
}

/**
 * Lengthens a list to the next power of two by repeating its last item, where a repetition changes nothing: statements
 * over lists then come in few shapes, and a prepared one serves many.
 */
export function padded<T>(items: readonly T[]): readonly T[] {
  const last = items.at(-1)
  const length = 2 ** Math.ceil(Math.log2(Math.max(1, items.length)))
  return last === undefined ? items : [...items, ...Array<T>(length - items.length).fill(last)]
}
