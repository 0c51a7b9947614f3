import { describe, expect, it } from 'vitest'
import { serve } from '../tests/_util/scripted-server.ts'
import { fetchServiceDid, isDidOfHost } from './service-identity.ts'

it.each([
  ['did:web:stratos.example.com', 'https://stratos.example.com', true],
  ['did:web:STRATOS.example.com', 'https://stratos.example.com', true],
  ['did:web:stratos.example.com%3A8443', 'https://stratos.example.com:8443', true],
  ['did:web:localhost%3A3100', 'http://127.0.0.1:3100', true],
  ['did:web:localhost', 'http://localhost:3100', true],
  ['did:web:other.example.com', 'https://stratos.example.com', false],
  ['did:web:stratos.example.com', 'https://stratos.example.com:8443', false],
  ['did:web:stratos.example.com%3A8443', 'https://stratos.example.com', false],
  ['did:web:stratos.example.com:path', 'https://stratos.example.com', false],
  ['did:web:stratos.example.com.evil.example', 'https://stratos.example.com', false],
  ['did:web:localhost%3A3101', 'http://localhost:3100', false],
  ['did:web:stratos.example.com', 'http://localhost:3100', false],
  ['did:web:localhost', 'https://stratos.example.com', false],
  ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'https://stratos.example.com', false],
  ['', 'https://stratos.example.com', false],
])('knows whether %j is the DID of %s: %s', (did, url, expected) => {
  expect(isDidOfHost(did, new URL(url))).toBe(expected)
})

describe('fetchServiceDid', () => {
  it('believes the document of the host that the DID names', async () => {
    await using service = await serve(() => ({ body: { id: 'did:web:localhost' } }))
    expect(await fetchServiceDid(service.url)).toBe('did:web:localhost')
    expect(service.requests.map((request) => request.url)).toEqual(['/.well-known/did.json'])
  })

  it('refuses a service that names another one', async () => {
    await using service = await serve(() => ({ body: { id: 'did:web:honest.example' } }))
    await expect(fetchServiceDid(service.url)).rejects.toMatchObject({
      code: 'ServiceMismatch',
    })
  })

  it.each([
    { status: 404, body: {} },
    { body: 'no json' },
    { body: { id: 7 } },
    { status: 302, headers: { location: '/elsewhere' } },
    { body: { id: 'did:web:localhost', filler: 'x'.repeat(70_000) } },
  ])('reports that there is no document in the answer %#', async (answer) => {
    await using service = await serve(() => answer)
    await expect(fetchServiceDid(service.url)).rejects.toMatchObject({
      code: 'ServiceUnreachable',
    })
  })
})
