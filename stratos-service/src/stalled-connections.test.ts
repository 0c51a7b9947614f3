import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeStalled } from './stalled-connections.ts'

const server = createServer((req, res) => {
  if (req.url?.startsWith('/archive?refused') === true) return void res.writeHead(401).end('no')
  req.resume().once('end', () => res.end('all of it'))
})
let port = 0

beforeAll(async () => {
  closeStalled(server, { idleMs: 300, bodyMs: (path) => (path === '/archive' ? 60_000 : 300) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(() => server.close())

/** Sends a body of 60 bytes, one at a time, for longer than a usual one may take. */
async function dribble(path: string, connection = 'close'): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  const answer = text(socket)
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${connection === 'close' ? 60 : 1_000_000}\r\nConnection: ${connection}\r\n\r\n`,
  )
  // The last byte is never sent.
  const sends = connection === 'close' ? 60 : Infinity
  for (let sent = 0; sent < sends && socket.writable; sent += 1) {
    socket.write('x')
    await pause(10)
  }
  return answer
}

describe('a body that comes slowly and without a pause', () => {
  it('is cut off where bodies are small', async () => {
    expect(await dribble('/xrpc/small?a=b')).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('is cut off once it is answered', async () => {
    expect(await dribble('/archive?refused', 'keep-alive')).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('is read to its end where it may be large', async () => {
    expect(await dribble('/archive?a=b')).toContain('all of it')
  })
})
