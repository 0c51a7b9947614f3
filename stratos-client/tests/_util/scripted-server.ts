import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  method: string
  /** path and query */
  url: string
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface ScriptedAnswer {
  status?: number
  headers?: Record<string, string>
  /** sent as JSON unless it is text */
  body?: unknown
}

/** A real HTTP listener on loopback that answers as told and remembers what it was asked. */
export interface ScriptedServer extends AsyncDisposable {
  url: string
  requests: SeenRequest[]
}

export async function serve(
  answer: (request: SeenRequest) => ScriptedAnswer | Promise<ScriptedAnswer>,
): Promise<ScriptedServer> {
  const requests: SeenRequest[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const seen: SeenRequest = {
      method: req.method ?? '',
      url: req.url ?? '',
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
    }
    requests.push(seen)
    const { status = 200, headers = {}, body } = await answer(seen)
    res.writeHead(status, { 'content-type': 'application/json', ...headers })
    res.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
