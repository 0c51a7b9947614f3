import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createPost, openStratosAgent } from './stratos.ts'

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'
const SECRET = 'not for the public'

async function listen(respond: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    seen.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`)
    respond(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, seen, [Symbol.asyncDispose]: async () => void server.close().closeAllConnections() }
}

function json(response: ServerResponse, status: number, body: unknown, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Behaves like a PDS that would take every record. */
const listenAsPds = () =>
  listen((_, response) =>
    json(response, 200, { uri: `at://${DID}/a.b.c/1`, cid: 'bafyreib', token: 'token' }),
  )

/** Says that it is a Stratos service, and answers everything else with `respond`. */
const listenAsService = (respond: (request: IncomingMessage, response: ServerResponse) => void) =>
  listen((request, response) => {
    if (request.url !== '/.well-known/did.json') return respond(request, response)
    json(response, 200, { id: 'did:web:localhost', service: [{ type: 'StratosService' }] })
  })

/** An OAuth session without its keys: relative paths go to the PDS. */
const sessionAt = (pdsUrl: string) => ({
  did: DID,
  getTokenInfo: () => undefined,
  fetchHandler: (path: string, init?: RequestInit) => fetch(new URL(path, pdsUrl), init),
})

describe('a private post', () => {
  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['asks for a session', (_, response) => json(response, 401, { error: 'SessionRequired' })],
    ['refuses the post', (_, response) => json(response, 403, { error: 'ForbiddenBoundary' })],
    ['does not know the method', (_, response) => json(response, 404, { error: 'NotFound' })],
    ['has a fault', (_, response) => json(response, 500, { error: 'InternalServerError' })],
    ['hangs up', (request) => request.socket.destroy()],
  ])('never reaches the PDS when the service %s', async (_, respond) => {
    await using pds = await listenAsPds()
    await using service = await listenAsService(respond)
    const config = { serviceUrl: service.url, plcUrl: pds.url, handleResolver: pds.url, appview: null }
    const agent = openStratosAgent(config, 'did:web:localhost', sessionAt(pds.url))
    await expect(
      createPost(agent, { text: SECRET, boundaries: ['did:web:localhost/general'] }),
    ).rejects.toThrow()
    expect(service.seen.join('\n')).toContain(SECRET)
    expect(
      pds.seen.filter((line) => !line.startsWith('GET /xrpc/com.atproto.server.getServiceAuth?')),
    ).toEqual([])
  })

  it('never reaches the PDS when the service redirects there', async () => {
    await using pds = await listenAsPds()
    await using service = await listenAsService((request, response) =>
      response.writeHead(307, { location: pds.url + (request.url ?? '') }).end(),
    )
    const config = { serviceUrl: service.url, plcUrl: pds.url, handleResolver: pds.url, appview: null }
    const agent = openStratosAgent(config, 'did:web:localhost', sessionAt(pds.url))
    await expect(
      createPost(agent, { text: SECRET, boundaries: ['did:web:localhost/general'] }),
    ).rejects.toThrow()
    expect(service.seen.join('\n')).toContain(SECRET)
    expect(pds.seen).toEqual([])
  })

  it('is not sent at all without a boundary', async () => {
    await using service = await listen((_, response) => json(response, 200, {}))
    const config = {
      serviceUrl: service.url,
      plcUrl: service.url,
      handleResolver: service.url,
      appview: null,
    }
    const agent = openStratosAgent(config, 'did:web:localhost', sessionAt(service.url))
    await expect(createPost(agent, { text: SECRET, boundaries: [] })).rejects.toThrow(RangeError)
    expect(service.seen).toEqual([])
  })
})

it('is written by one function, through the one agent that only openStratosAgent makes', () => {
  const root = new URL('..', import.meta.url).pathname
  const files = globSync('**/*.{ts,svelte}', { cwd: root }).filter((file) => !file.endsWith('.test.ts'))
  const found = (pattern: RegExp) =>
    files.flatMap((file) => {
      const hits = readFileSync(root + file, 'utf8').match(pattern) ?? []
      return hits.map(() => file)
    })
  expect(files.length).toBeGreaterThan(10)
  expect(found(/\.(createRecord|putRecord|applyWrites|importRepo)\b/g)).toEqual(['lib/stratos.ts'])
  expect(found(/\.uploadBlob\b/g)).toEqual(['lib/stratos.ts'])
  expect(found(/createRecord\(\{/g)).toEqual(['lib/stratos.ts'])
  expect(found(/as StratosAgent/g)).toEqual(['lib/stratos.ts'])
  expect(found(/new (Atp)?Agent\(|as (any|unknown as)\b/g)).toEqual([])
})
