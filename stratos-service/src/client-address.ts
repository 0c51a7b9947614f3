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
  return withoutPort(hops.at(-trustedProxies) ?? '') || own
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711` (RFC 7239 §6): every connection has another port. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([^:]+):\d+$/.exec(hop)?.[1] ?? hop
}
