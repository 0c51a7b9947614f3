import type { IncomingMessage, Server, ServerResponse } from 'node:http'

const ANSWER = JSON.stringify({ error: 'RequestTimeout', message: 'the body of the request did not arrive' })

/**
 * Closes connections on which a request body has begun and then pauses, and those on which nobody takes the answer: both
 * cost the other side nothing. An answer that is not there yet is left alone.
 *
 * @param idleMs longest pause
 */
export function closeStalled(server: Server, idleMs: number): void {
  server.setTimeout(idleMs)
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    // With a listener here Node does not close the connection by itself; it tells `req` only while that is incomplete.
    res.on('timeout', () => {
      if (req.socket.writableLength > 0) req.socket.destroy()
    })
    req.on('timeout', () => {
      if (!res.headersSent) {
        res.writeHead(408, { 'Content-Type': 'application/json', Connection: 'close' }).end(ANSWER)
      }
      req.socket.destroySoon()
    })
  })
}
