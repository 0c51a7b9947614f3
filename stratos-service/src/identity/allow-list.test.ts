import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { newDid } from 'stratos-core/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AllowListFile } from './allow-list-file.ts'
import { AllowList } from './allow-list.ts'
import { MAX_ALLOW_LIST_BYTES } from './fetch-allow-list.ts'
import { FetchGate } from './fetch-gate.ts'
import { createSafeFetch } from './safe-fetch.ts'

const REFRESH_MS = 600_000
const MAX_STALE_MS = 86_400_000
const [alice, bob] = [newDid(), newDid()]
const clock = { nowMs: 1_700_000_000_000 }
const nowMs = () => clock.nowMs

type Answer = (req: IncomingMessage, res: ServerResponse) => void
let answer: Answer
let asked: IncomingMessage[] = []
const server = createServer((req, res) => {
  asked.push(req)
  answer(req, res)
})
let uri = ''
let directory = ''
const path = () => join(directory, 'allow-list.json')

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  uri = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/list?key=secret`
})
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-list-'))
  asked = []
  return () => rmSync(directory, { recursive: true })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const says =
  (text: string, headers: Record<string, string> = {}): Answer =>
  (_req, res) =>
    void res.writeHead(200, { 'content-type': 'text/plain', ...headers }).end(text)

const gate = () => new FetchGate({ total: 20, perHost: 4, maxWaiting: 10, trustedHosts: new Set() })
const open = (logger = pino({ level: 'silent' })) =>
  new AllowList({
    uri,
    fetch: createSafeFetch({
      allowPrivateAddresses: true,
      userAgent: 'test',
      gate: gate(),
      maxResponseBytes: MAX_ALLOW_LIST_BYTES,
    }),
    store: new AllowListFile({ path: path(), uri, nowMs }),
    refreshMs: REFRESH_MS,
    maxStaleMs: MAX_STALE_MS,
    logger,
    nowMs,
  })

describe('a list at a web address', () => {
  it('is asked for again when that is due, and only for what is new', async () => {
    answer = (req, res) => {
      if (req.headers['if-none-match'] === '"1"') res.writeHead(304).end()
      else says(alice, { etag: '"1"' })(req, res)
    }
    const list = open()
    await list.refresh()
    expect([await list.has(alice), await list.has(bob)]).toEqual([true, false])
    await list.refresh()
    expect(asked).toHaveLength(1)
    clock.nowMs += REFRESH_MS
    await list.refresh()
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"'])
    // Not changed is as good as a list.
    clock.nowMs += MAX_STALE_MS
    expect(await list.has(alice)).toBe(true)
    answer = says(JSON.stringify([bob]))
    await list.refresh()
    expect([await list.has(alice), await list.has(bob)]).toEqual([false, true])
  })

  const large = Buffer.alloc(1024 * 1024, `${newDid()}\n`)
  it.each<[string, Answer]>([
    ['an error', (_req, res) => void res.writeHead(500).end(bob)],
    ['a web page', says(`<html>\n${bob}\n</html>`, { 'content-type': 'text/html' })],
    ['nothing', says('')],
    ['a list without a DID', says('[]', { 'content-type': 'application/json' })],
    ['a redirect', (_req, res) => void res.writeHead(302, { location: 'http://169.254.169.254/' }).end()],
    ['a redirect to itself', (_req, res) => void res.writeHead(307, { location: '/other' }).end(bob)],
    [
      'a gigabyte',
      (_req, res) => {
        let left = 1024
        const more = () => {
          while (left > 0 && !res.destroyed) {
            left -= 1
            if (!res.write(large)) return void res.once('drain', more)
          }
          res.end()
        }
        res.writeHead(200, { 'content-type': 'text/plain' }).write(`${bob}\n`)
        more()
      },
    ],
    [
      'half an answer',
      (_req, res) => {
        res.writeHead(200, { 'content-length': '1000' }).write(`${bob}\n`)
        res.destroy()
      },
    ],
    ['one byte after the other', (_req, res) => void res.writeHead(200).write('d')],
  ])('ENR-021: that answers with %s leaves the last good one, for a day', async (_what, bad) => {
    answer = says(alice)
    const list = open()
    await list.refresh()
    answer = bad
    clock.nowMs += REFRESH_MS
    await list.refresh()
    expect([await list.has(alice), await list.has(bob)]).toEqual([true, false])
    expect(asked).toHaveLength(2)
    // A source that is not well is not pestered.
    await list.refresh()
    expect(asked).toHaveLength(2)
    clock.nowMs += MAX_STALE_MS - REFRESH_MS
    expect(await list.has(alice)).toBe(true)
    clock.nowMs += 1
    expect(await list.has(alice)).toBe(false)
  })

  it('counts from one start to the next, and for its own source alone', async () => {
    answer = says(alice)
    await open().refresh()
    answer = (_req, res) => void res.writeHead(503).end()
    const again = open()
    await again.refresh()
    expect(await again.has(alice)).toBe(true)
    const other = new AllowListFile({ path: path(), uri: 'https://other.example/', nowMs })
    expect(await other.load()).toBeNull()
    for (const rubbish of ['', '{"uri":', 'null']) {
      writeFileSync(path(), rubbish)
      const third = open()
      await third.refresh()
      expect(await third.has(alice)).toBe(false)
    }
  })

  it('does not outlive its day because a clock was set back', async () => {
    answer = says(alice)
    const list = open()
    await list.refresh()
    clock.nowMs -= 10 * REFRESH_MS
    expect(await list.has(alice)).toBe(false)
    await list.refresh()
    clock.nowMs += 60_000
    await list.refresh()
    clock.nowMs += 20 * REFRESH_MS
  })

  it('is named in the log without its query, and once a minute', async () => {
    const lines: string[] = []
    answer = (_req, res) => void res.writeHead(500).end()
    const list = open(pino({ base: undefined }, { write: (line: string) => void lines.push(line) }))
    await list.refresh()
    await list.refresh()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('/list"')
    expect(lines[0]).not.toContain('secret')
  })
})
