import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'

/** What the web app reads from `/config.json` when it starts. */
export interface WebappConfig {
  readonly serviceUrl: string
  readonly plcUrl: string
  /** URL of a service that resolves handles: the PDS. */
  readonly handleResolver: string
  /** The indexer's read API; null without. */
  readonly appview: { readonly did: string; readonly url: string } | null
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
}

/**
 * Serves a built single-page app on 127.0.0.1: its files, `/config.json`, and `index.html` where a browser asks for a page
 * that is not a file. Nothing may be cached, because the next network may use the same port.
 */
export async function startWebServer(
  port: number,
  directory: string,
  config: WebappConfig,
): Promise<{ close(): Promise<void> }> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answer(response, 405, '.txt', 'GET only')
    const path = decodePath(request.url ?? '/')
    if (path === null) return answer(response, 400, '.txt', 'not a path')
    if (path === '/config.json') return answer(response, 200, '.json', JSON.stringify(config))

    const body = path === '/' ? null : await readFileIn(directory, path)
    if (body !== null) return answer(response, 200, extname(path), body)
    // A page's address may be anything, `/people/alice.test` too; but a missing script must not turn into a page.
    const wantsPage = path === '/' || (request.headers.accept ?? '').includes('text/html')
    const index = wantsPage ? await readFileIn(directory, '/index.html') : null
    return index === null ? answer(response, 404, '.txt', 'not found') : answer(response, 200, '.html', index)
  }
  const server = createServer((request, response) => {
    respond(request, response).catch((err: Error) => response.destroy(err))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function answer(response: ServerResponse, status: number, extension: string, body: string | Buffer): void {
  response.writeHead(status, {
    'content-type': CONTENT_TYPES[extension] ?? 'application/octet-stream',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  // Node leaves the body out of an answer to HEAD.
  response.end(body)
}

function decodePath(target: string): string | null {
  try {
    return decodeURIComponent(new URL(target, 'http://localhost').pathname)
  } catch (err) {
    if (err instanceof URIError || err instanceof TypeError) return null
    throw err
  }
}

/** @returns null when there is no such file below `directory` */
async function readFileIn(directory: string, path: string): Promise<Buffer | null> {
  const file = normalize(join(directory, path))
  if (!file.startsWith(directory + sep) || file.includes('\0')) return null
  try {
    return await readFile(file)
  } catch (err) {
    const code = err instanceof Error && 'code' in err ? err.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null
    throw err
  }
}
