import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  releaseAll,
  reserveFreePorts,
  reservePort,
  reservePortsFrom,
  type ReservedPort,
} from './free-port.ts'

const held: ReservedPort[] = []
afterEach(() => releaseAll(held.splice(0)))

async function hold(count: number): Promise<ReservedPort[]> {
  const ports = await reserveFreePorts(count)
  held.push(...ports)
  return ports
}

describe('reserving ports', () => {
  it('gives different ports, which nobody else can reserve until they are released', async () => {
    const [first, second] = await hold(2)
    expect(first!.port).not.toBe(second!.port)
    expect(await reservePort(first!.port)).toBeNull()
    await first!.release()
    const again = await reservePort(first!.port)
    expect(again?.port).toBe(first!.port)
    held.push(again!)
  })

  it('leaves a released port free for a server', async () => {
    const [one] = await hold(1)
    await one!.release()
    const server = createServer().listen(one!.port, '127.0.0.1')
    await once(server, 'listening')
    server.close()
  })

  it('sees a server that listens on every address as taking the port', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const address = server.address()
    expect(await reservePort(typeof address === 'object' ? address!.port : 0)).toBeNull()
    server.close()
  })

  it('holds none of a row of ports when one of them is taken', async () => {
    const [taken] = await hold(1)
    expect(await reservePortsFrom(taken!.port - 1, 2)).toBeNull()
    const before = await reservePort(taken!.port - 1)
    expect(before).not.toBeNull()
    held.push(before!)
  })
})
