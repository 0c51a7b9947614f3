import type { IncomingMessage } from 'node:http'

/**
 * The address that limits are kept by: of the socket, or the entry of `X-Forwarded-For` that the outermost trusted proxy
 * added. Entries further left are whatever the sender wrote.
 */
export function clientAddress(req: IncomingMessage, trustedProxies: number): string {
  const own = req.socket.remoteAddress ?? 'unknown'
  if (trustedProxies === 0) return own
  const header = req.headers['x-forwarded-for']
  const hops = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').map((hop) => hop.trim())
  return hops.at(-trustedProxies) || own
}
