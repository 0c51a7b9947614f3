/** Where a feed's page ends: feeds are ordered by this pair, newest first. */
export interface FeedPosition {
  readonly sortAt: string
  readonly uri: string
}

const MAX_LENGTH = 1_024

/** @returns opaque text; it says no more than the last post of a page says anyway */
export function formatCursor({ sortAt, uri }: FeedPosition): string {
  return Buffer.from(JSON.stringify([sortAt, uri])).toString('base64url')
}

/** @returns null for what `formatCursor` did not make */
export function parseCursor(text: string): FeedPosition | null {
  if (text.length > MAX_LENGTH) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
  if (!Array.isArray(parsed) || parsed.length !== 2) return null
  const [sortAt, uri] = parsed as readonly unknown[]
  if (typeof sortAt !== 'string' || typeof uri !== 'string') return null
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(sortAt)
  return isTime && /^at:\/\/[\x21-\x7e]+$/.test(uri) ? { sortAt, uri } : null
}
