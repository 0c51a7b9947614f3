import { isValidDid } from '@atproto/syntax'
import type { Did } from 'stratos-core'

/**
 * Reads a list of accounts. Either text with one DID in a line, where anything after white space or `#` is a remark; or
 * JSON, a list of DIDs or an object with such a list as `dids`.
 *
 * @param contentType of the answer that it came in; a web page is no list, whatever it says
 * @returns the DIDs, and how many lines or entries were something else
 * @throws {Error} if there is not one DID in it: then it is something else that was fetched
 */
export function parseAllowList(
  text: string,
  contentType: string | null,
): { readonly dids: ReadonlySet<Did>; readonly skipped: number } {
  if (contentType?.toLowerCase().startsWith('text/html') === true) throw new Error('it is a web page')
  const trimmed = text.trim()
  const entries = /^[[{]/.test(trimmed) ? jsonEntries(trimmed) : textEntries(trimmed)
  const dids = new Set(
    entries.filter((entry): entry is Did => typeof entry === 'string' && isValidDid(entry)),
  )
  if (dids.size === 0) throw new Error('there is no DID in it')
  const skipped = entries.filter((entry) => typeof entry !== 'string' || !isValidDid(entry)).length
  return { dids, skipped }
}

function jsonEntries(text: string): readonly unknown[] {
  const parsed = JSON.parse(text) as unknown
  const list = Array.isArray(parsed) ? (parsed as unknown[]) : (parsed as { dids?: unknown }).dids
  if (!Array.isArray(list)) throw new Error('it is neither a list nor has one as "dids"')
  return list as unknown[]
}

function textEntries(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim().split(/[\s#]/, 1)[0] ?? '')
    .filter((entry) => entry !== '')
}
