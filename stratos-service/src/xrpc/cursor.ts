import { StratosError } from 'stratos-core'

/** Makes a cursor of where a page ended: text that the client hands back and has no business to look into. */
export function formatCursor(place: string): string {
  return Buffer.from(place).toString('base64url')
}

/**
 * @param parse turns the text that `formatCursor` was given back into a place, and throws for any other
 * @throws {StratosError} `InvalidRequest`
 */
export function parseCursor<T>(cursor: string, parse: (place: string) => T): T {
  const place = Buffer.from(cursor, 'base64url').toString()
  try {
    if (formatCursor(place) === cursor) return parse(place)
  } catch (err) {
    throw badCursor(err)
  }
  throw badCursor()
}

function badCursor(cause?: unknown): StratosError {
  return new StratosError('InvalidRequest', 'the cursor is not from this listing', { cause })
}
