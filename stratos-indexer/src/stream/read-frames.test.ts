import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { readFrames } from './read-frames.ts'

/** What an attempt to follow ends with, at a server that answers the upgrade with `body`. */
async function refusalOf(status: number, body: string): Promise<unknown> {
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    // Whoever gives up reading resets the connection.
    socket.on('error', () => {})
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const signal = new AbortController().signal
  const frames = readFrames(`ws://127.0.0.1:${port}`, { signal, maxQueued: 1, onOpen: () => {} })
  try {
    return await frames.next().catch((err: unknown) => err)
  } finally {
    server.close()
  }
}

it.each([
  ['a reason', '{"error":"Forbidden","message":"not on the list"}', ', Forbidden: not on the list'],
  ['nothing', '', ''],
  ['another form', '<html>', ''],
  ['JSON without a reason', 'null', ''],
  ['members of other types', '{"error":{"a":1},"message":7}', ''],
  ['more than anybody reads', `{"error":"${'x'.repeat(100_000)}"}`, ''],
])('a refusal with %s is told with its status', async (_, body, said) => {
  expect(await refusalOf(403, body)).toMatchObject({
    name: 'RefusedError',
    status: 403,
    message: `the stream was refused with 403${said}`,
  })
})
