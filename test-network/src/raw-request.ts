import { request } from 'node:http'

/**
 * One http request with exactly the headers given, redirects not followed. `fetch` cannot do that: it writes its own
 * `sec-fetch-mode`, by which a PDS tells a person's navigation from a script.
 */
export async function rawRequest(
  url: URL,
  init: { readonly method?: string; readonly headers: Headers; readonly body?: string },
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const outgoing = request(url, {
    method: init.method ?? 'GET',
    headers: Object.fromEntries(init.headers),
    signal: AbortSignal.timeout(30_000),
  })
  outgoing.once('error', reject)
  outgoing.once('response', (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.once('error', reject)
    incoming.once('end', () => {
      const headers = new Headers()
      for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
        headers.append(incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '')
      }
      const status = incoming.statusCode ?? 500
      const empty = status === 204 || status === 304
      resolve(new Response(empty ? null : Buffer.concat(chunks), { status, headers }))
    })
  })
  outgoing.end(init.body)
  return promise
}
