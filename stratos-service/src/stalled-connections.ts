import type { IncomingMessage, Server, ServerResponse } from 'node:http'

const ANSWER = JSON.stringify({ error: 'RequestTimeout', message: 'the body of the request did not arrive' })

/** How long a connection may take. */
export interface ConnectionLimits {
  /** Longest pause in the body of a request, or in taking its answer. */
  readonly idleMs: number
  /** A whole body, by the path of the request. */
  readonly bodyMs: (path: string) => number
}

/**
 * Closes connections on which a request body has begun and then pauses or takes too long in all, and those on which nobody
 * takes the answer: that costs the other side nothing. An answer that is not there yet is left alone.
 */
export function closeStalled(server: Server, { idleMs, bodyMs }: ConnectionLimits): void {
  server.setTimeout(idleMs)
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    const refuse = (): void => {
      if (!res.headersSent) {
        res.writeHead(408, { 'Content-Type': 'application/json', Connection: 'close' }).end(ANSWER)
      }
      req.socket.destroySoon()
    }
    // With a listener here Node does not close the connection by itself; it tells `req` only while that is incomplete.
    res.on('timeout', () => {
      if (req.socket.writableLength > 0) req.socket.destroy()
    })
    req.on('timeout', refuse)
    if (!hasBody(req)) return
    let timer: NodeJS.Timeout
    const within = (ms: number): void => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        if (!req.complete) refuse()
      }, ms).unref()
    }
    within(bodyMs((req.url ?? '').split('?', 1)[0] ?? ''))
    // Nobody waits for the rest of a body that is answered already, most likely with a refusal.
    res.once('finish', () => {
      if (!req.complete) within(idleMs)
    })
    req.once('close', () => clearTimeout(timer))
    req.once('end', () => clearTimeout(timer))
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
