import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reserveFreePorts } from './free-port.ts'
import { startWebServer } from './web-server.ts'

const config = {
  serviceUrl: 'http://localhost:1',
  plcUrl: 'http://localhost:2',
  appview: null,
  handleResolver: 'http://localhost:3',
}
let directory: string
let origin: string
let server: { close(): Promise<void> }

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'web-server-'))
  mkdirSync(join(directory, 'dist/assets'), { recursive: true })
  writeFileSync(join(directory, 'secret.txt'), 'secret')
  writeFileSync(join(directory, 'dist/index.html'), '<title>app</title>')
  writeFileSync(join(directory, 'dist/assets/app.js'), 'export {}')
  const [port] = await reserveFreePorts(1)
  await port!.release()
  server = await startWebServer(port!.port, join(directory, 'dist'), config)
  origin = `http://127.0.0.1:${port!.port}`
})
afterAll(async () => {
  await server.close()
  rmSync(directory, { recursive: true })
})

const PAGE = 'text/html,*/*;q=0.8'

describe('the web server', () => {
  it.each([
    ['/', '*/*', 200, 'text/html; charset=utf-8', '<title>app</title>'],
    ['/people/alice.test?x=1', PAGE, 200, 'text/html; charset=utf-8', '<title>app</title>'],
    ['/assets', PAGE, 200, 'text/html; charset=utf-8', '<title>app</title>'],
    ['/assets/app.js', '*/*', 200, 'text/javascript; charset=utf-8', 'export {}'],
    ['/assets/gone.js', '*/*', 404, 'text/plain; charset=utf-8', 'not found'],
    ['/config.json', '*/*', 200, 'application/json', JSON.stringify(config)],
  ])('answers %s for %s with %i', async (path, accept, status, type, body) => {
    const response = await fetch(origin + path, { headers: { accept } })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.text()).toBe(body)
  })

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/%00.js',
    '/%ff',
  ])('gives nothing outside its directory for %s', async (path) => {
    const { status, body } = await getUntidied(path)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(body).not.toContain('secret')
  })

  it('refuses to change anything', async () => {
    expect((await fetch(`${origin}/config.json`, { method: 'POST' })).status).toBe(405)
  })
})

/** fetch and the URL class would tidy the path before sending it. */
async function getUntidied(path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(origin)
  const [response] = (await once(get({ hostname, port, path }), 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await text(response) }
}
