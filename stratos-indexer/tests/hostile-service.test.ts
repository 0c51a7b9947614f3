import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from '@atproto/lex-cbor'
import { pino } from 'pino'
import { waitUntil } from 'test-network'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { readConfig, startIndexer, type Indexer } from 'stratos-indexer'

const header = Buffer.from(encode({ op: 1, t: '#enrollment' }))
const enrollment = (seq: number, did: string) =>
  Buffer.concat([
    header,
    Buffer.from(encode({ seq, did, action: 'enroll', boundaries: [], time: new Date().toISOString() })),
  ])
/** Nested far deeper than anything that means something. */
const BOMB = Buffer.concat([header, Buffer.alloc(1024 * 1024, 0x81)])

/** What the service sends to whoever connects, by how many did before. */
let scripts: readonly (readonly (Buffer | string)[])[] = []
let connections = 0
const cursors: (string | null)[] = []
const server = createServer((request, response) => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  if (request.url !== '/.well-known/did.json') return response.writeHead(404).end()
  const service = [{ id: '#stratos', type: 'StratosService', serviceEndpoint: `http://localhost:${port}` }]
  response.setHeader('content-type', 'application/json')
  return response.end(JSON.stringify({ id: `did:web:localhost%3A${port}`, service }))
})
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket, request) => {
  cursors.push(new URL(request.url ?? '/', 'http://localhost').searchParams.get('cursor'))
  for (const frame of scripts[connections] ?? []) socket.send(frame)
  connections += 1
})

let directory: string
let indexer: Indexer

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  scripts = [
    [enrollment(1, 'did:web:one.example'), BOMB, enrollment(2, 'did:web:lost.example')],
    [Buffer.from('ff', 'hex')],
    ['text'],
    [Buffer.concat([header, Buffer.from(encode({ seq: 2, did: 'nobody', action: 'enroll', time: 'now' }))])],
    [enrollment(2, 'did:web:two.example')],
  ]
  directory = mkdtempSync(join(tmpdir(), 'stratos-indexer-'))
  const config = readConfig({
    STRATOS_SERVICE_URL: `http://localhost:${port}`,
    STRATOS_INDEXER_DID: 'did:web:indexer.example',
    STRATOS_INDEXER_HOST: '127.0.0.1',
    HEALTH_PORT: '0',
    STRATOS_INDEXER_KEY_FILE: join(directory, 'key'),
    STRATOS_INDEXER_SQLITE_FILE: join(directory, 'index.sqlite'),
    STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
    ACTOR_SYNC_RECONNECT_BASE_DELAY_MS: '10',
    ACTOR_SYNC_RECONNECT_MAX_DELAY_MS: '50',
    ACTOR_SYNC_RECONNECT_JITTER_MS: '0',
  })
  indexer = await startIndexer(config, pino({ level: 'silent' }))
})
afterAll(async () => {
  await indexer?.close()
  sockets.close()
  server.closeAllConnections()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

it('IDX-007: frames that are bombs or nonsense end the connection, not the process, and skip nothing', async () => {
  const enrolled = async () => {
    const rows = await indexer.database.db
      .selectFrom('stratos_enrollment')
      .select('did')
      .orderBy('did')
      .execute()
    return rows.map(({ did }) => did).join()
  }
  await waitUntil('coming back', async () => (await enrolled()) === 'did:web:one.example,did:web:two.example')
  // IDX-005: what came before the bomb counts, and everything after it is asked for again.
  expect(cursors).toEqual(['0', '1', '1', '1', '1'])
})
