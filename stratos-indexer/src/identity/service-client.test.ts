import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ServiceClient } from './service-client.ts'

/** A service that answers one method without end, and falls silent in the middle of another one. */
const server = createServer((request, response) => {
  response.writeHead(200)
  if (request.url?.includes('endless')) {
    const more = (): void => void response.write(`"${'x'.repeat(64 * 1024)}",`, (err) => err ?? more())
    response.write('[')
    more()
  } else response.write('the beginning')
})
let client: ServiceClient

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const place = { did: 'did:web:service.example', url }
  client = new ServiceClient(place, { signToken: async () => 'token' }, new AbortController().signal, 500)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

it('does not read more of an answer than an answer can have', async () => {
  const patient = new ServiceClient(
    client.place,
    { signToken: async () => 'token' },
    new AbortController().signal,
    60_000,
  )
  await expect(patient.json('com.example.endless', {})).rejects.toThrow('too large')
})

it('does not wait for a service that has fallen silent', async () => {
  await expect(client.json('com.example.silent', {})).rejects.toThrow()
  const read = async () => {
    const parts: string[] = []
    for await (const part of await client.bytes('com.example.silent', {})) parts.push(String(part))
    return parts
  }
  await expect(read()).rejects.toThrow('nothing more')
})
