import type { IncomingMessage, Server, ServerResponse } from 'node:http'

const ANSWER = JSON.stringify({ error: 'RequestTimeout', message: 'the body of the request did not arrive' })

/**
 * Closes connections on which a request body has begun and then pauses: half-sent requests cost their sender nothing. An
 * answer that takes its time is left alone.
 *
 * @param idleMs longest pause
 */
export function refuseStalledBodies(server: Server, idleMs: number): void {
  server.setTimeout(idleMs)
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    // With a listener here Node does not close the connection by itself; it tells `req` only while that is incomplete.
    res.on('timeout', () => undefined)
    req.on('timeout', () => {
      if (!res.headersSent) {
        res.writeHead(408, { 'Content-Type': 'application/json', Connection: 'close' }).end(ANSWER)
      }
      req.socket.destroySoon()
    })
  })
}
