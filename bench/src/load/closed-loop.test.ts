import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClosedLoop, type RequestSource } from './closed-loop.ts'

let server: Server
let url: string
let status: number
/** Requests the server has seen, with the socket of each. */
let seen: { path: string; port: number | undefined }[]
/** How many requests have to wait before they are answered, all at once. */
let batch: number

beforeEach(async () => {
  ;[status, seen, batch] = [200, [], 1]
  const waiting: ServerResponse[] = []
  server = createServer((req, res) => {
    seen.push({ path: req.url ?? '', port: req.socket.remotePort })
    waiting.push(res)
    if (waiting.length === batch) for (const one of waiting.splice(0)) one.writeHead(status).end('so it is')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://localhost:${(server.address() as AddressInfo).port}`
})

afterEach(() => {
  server.close()
  server.closeAllConnections()
})

/** Numbers the requests of each connection. */
function numbering() {
  const calls = { made: 0, refreshed: 0, answered: 0 }
  const source: RequestSource = {
    refresh: async () => void calls.refreshed++,
    next: (connection) => ({
      method: 'GET',
      path: `/${connection}/${calls.made++}`,
      headers: {},
      body: null,
    }),
    answered: () => void calls.answered++,
  }
  return { source, calls }
}

describe('a closed loop', () => {
  it('keeps one request under way on each connection, which stays the same', async () => {
    batch = 3
    const loop = new ClosedLoop(numbering().source, url, 3)
    const { latenciesMs } = await loop.run({ seconds: 10, maxOperations: 30 })
    loop.close()
    expect(latenciesMs).toHaveLength(30)
    const connections = Map.groupBy(seen, ({ path }) => path.split('/')[1])
    const counts = [...connections.values()].map((requests) => [
      requests.length,
      new Set(requests.map(({ port }) => port)).size,
    ])
    expect(counts).toEqual([
      [10, 1],
      [10, 1],
      [10, 1],
    ])
  })

  it('ends when its time is over', async () => {
    const { source } = numbering()
    const loop = new ClosedLoop(source, url, 1)
    const { elapsedMs } = await loop.run({ seconds: 0.05 })
    loop.close()
    expect(elapsedMs).toBeGreaterThanOrEqual(50)
    expect(seen.length).toBeGreaterThan(0)
  })

  it('makes as many requests in advance as the rate of the last run would take, and sends those first', async () => {
    const { source, calls } = numbering()
    const loop = new ClosedLoop(source, url, 1)
    await loop.run({ seconds: 10, maxOperations: 5 })
    expect(calls).toEqual({ made: 5, refreshed: 0, answered: 5 })
    await loop.prepare({ seconds: 10, maxOperations: 3 })
    expect(calls).toEqual({ made: 8, refreshed: 1, answered: 5 })
    await loop.run({ seconds: 10, maxOperations: 4 })
    loop.close()
    expect(seen.map(({ path }) => path)).toEqual(Array.from({ length: 9 }, (_, index) => `/0/${index}`))
  })

  it('fails at an answer that is not 200, and says which', async () => {
    status = 429
    const loop = new ClosedLoop(numbering().source, url, 1)
    await expect(loop.run({ seconds: 10 })).rejects.toThrow('GET /0/0 was answered with 429: so it is')
    loop.close()
  })
})
