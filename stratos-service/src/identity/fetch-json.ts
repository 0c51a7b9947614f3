import type { SafeFetch } from './safe-fetch.ts'

/** Answers that say there is nothing, and not that something went wrong. */
const NOTHING = [400, 401, 403, 404, 405, 410]

/**
 * Fetches a JSON document.
 *
 * @param url absolute; where it leads is `fetch`'s business
 * @returns null if the server says that there is none, or what there is cannot be used
 * @throws {Error} if nobody knows at this time: no connection, no answer in time, a server at fault
 */
export async function fetchJson(
  fetch: SafeFetch,
  url: string,
  options: { readonly maxBytes: number; readonly headers?: Readonly<Record<string, string>> },
): Promise<unknown> {
  const headers = { accept: 'application/json', ...options.headers }
  const response = await fetch(url, { headers })
  if (NOTHING.includes(response.status)) return null
  if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`)
  const text = await response.text()
  if (text.length > options.maxBytes) return null
  try {
    return JSON.parse(text) as unknown
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}
