import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { Metrics } from './metrics.ts'

const SILENT_FOR_MS = 60_000

export interface HealthState {
  /** Whether the database answers. */
  readonly database: boolean
  /** By DID or URL of what is followed. */
  readonly streams: Readonly<Record<string, boolean>>
}

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves `/health` (the process runs), `/ready` (database and streams work; 503 if not), `/metrics` in the text format of
 * Prometheus, the DID document that services look up to check our tokens, and the read API.
 */
export async function startHealthServer(
  listen: { readonly host: string; readonly port: number },
  parts: {
    readonly state: () => Promise<HealthState>
    readonly metrics: Metrics
    readonly didDocument: Readonly<Record<string, unknown>>
    /** Answers `/xrpc/*`; null without the read API. */
    readonly api: RequestListener | null
  },
): Promise<HealthServer> {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(parts.metrics.format())
    } else if (path === '/.well-known/did.json') {
      response.setHeader('access-control-allow-origin', '*')
      sendJson(response, 200, parts.didDocument)
    } else if (path === '/health' || path === '/ready') {
      const state = await parts.state()
      const ok = state.database && Object.values(state.streams).every(Boolean)
      sendJson(response, ok || path === '/health' ? 200 : 503, {
        status: ok ? 'healthy' : 'degraded',
        ...state,
      })
    } else sendJson(response, 404, { error: 'NotFound' })
  }
  const server = createServer((request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    if (parts.api !== null && path.startsWith('/xrpc/')) return parts.api(request, response)
    answer(path, response).catch((err: unknown) => {
      response.destroy(err instanceof Error ? err : undefined)
    })
  })
  // Of whoever takes no answer, the connection goes; on none of them is there silence for so long otherwise.
  server.setTimeout(SILENT_FOR_MS)
  server.listen(listen.port, listen.host)
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`HEALTH_PORT: no listening on ${listen.host}:${listen.port}`, { cause })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
