import type { Did } from 'stratos-core'
import { parseAllowList } from './parse-allow-list.ts'
import type { SafeFetch } from './safe-fetch.ts'

/** What the `fetch` for lists may take in. */
export const MAX_ALLOW_LIST_BYTES = 8 * 1024 * 1024

export interface FetchedList {
  readonly dids: ReadonlySet<Did>
  /** Lines or entries that are no DIDs. */
  readonly skipped: number
  /** null if the server gives none. */
  readonly etag: string | null
}

/**
 * Fetches a list of accounts.
 *
 * @param fetch bounds time and size, and follows no redirects
 * @param etag of the list that is known, or null
 * @returns null if that has not changed
 * @throws {Error} for any other answer than a list
 */
export async function fetchAllowList(
  fetch: SafeFetch,
  uri: string,
  etag: string | null,
): Promise<FetchedList | null> {
  const accept = { accept: 'text/plain, application/json' }
  const response = await fetch(uri, {
    headers: etag === null ? accept : { ...accept, 'if-none-match': etag },
  })
  if (response.status === 304 && etag !== null) return null
  if (response.status !== 200) throw new Error(`its source answered ${response.status}`)
  const text = await response.text()
  return { ...parseAllowList(text, response.headers.get('content-type')), etag: response.headers.get('etag') }
}
