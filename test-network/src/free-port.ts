import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** A port this process holds by listening on it, until the program it is meant for is about to take it. */
export interface ReservedPort {
  readonly port: number
  release(): Promise<void>
}

/**
 * Listens on `port` of the loopback addresses, so that another network starting at the same moment picks others.
 *
 * @returns null when some program already listens there, on IPv4 or IPv6: `localhost` can mean either
 */
export async function reservePort(port: number): Promise<ReservedPort | null> {
  const held: Server[] = []
  const release = async (): Promise<void> => {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((socket) => socket.destroy())
    try {
      server.listen({ port, host, exclusive: true })
      await once(server, 'listening')
      held.push(server)
    } catch (err) {
      const code = err instanceof Error && 'code' in err ? err.code : undefined
      // A machine without IPv6 is not a taken port.
      if (host === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue
      await release()
      if (code === 'EADDRINUSE' || code === 'EACCES') return null
      throw err
    }
  }
  return { port, release }
}

/**
 * Reserves `count` consecutive ports from `base` on.
 *
 * @returns null, holding nothing, when one of them is taken
 */
export async function reservePortsFrom(base: number, count: number): Promise<ReservedPort[] | null> {
  const reserved: ReservedPort[] = []
  for (let port = base; port < base + count; port++) {
    const one = await reservePort(port)
    if (one === null) {
      await releaseAll(reserved)
      return null
    }
    reserved.push(one)
  }
  return reserved
}

/**
 * Reserves `count` free ports.
 *
 * Taken from below the range that systems hand out for outgoing connections, so that no connection of anybody sits on
 * a port between its release and its use.
 */
export async function reserveFreePorts(count: number): Promise<ReservedPort[]> {
  const reserved: ReservedPort[] = []
  for (let attempt = 0; attempt < 50 * count && reserved.length < count; attempt++) {
    const one = await reservePort(LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST)))
    if (one !== null) reserved.push(one)
  }
  if (reserved.length < count) {
    await releaseAll(reserved)
    throw new Error(`could not find ${count} free ports between ${LOWEST} and ${HIGHEST}`)
  }
  return reserved
}

export async function releaseAll(reserved: readonly ReservedPort[]): Promise<void> {
  await Promise.all(reserved.map((one) => one.release()))
}

const LOWEST = 12_000
const HIGHEST = 32_000
