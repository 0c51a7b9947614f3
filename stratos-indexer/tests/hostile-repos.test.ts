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
import { archiveOf } from '../../stratos-service/tests/_util/archive.ts'
import { createDatabase } from '../../stratos-service/tests/_util/databases.ts'
import { post, POST } from '../../stratos-service/tests/_util/post.ts'

const GOOD = 'did:web:good.example'
const LATER = 'did:web:later.example'

/** A service with a gap in its stream, and a PDS; whose address is an account of both, with nothing in it that holds. */
const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const page = pages[pathname]
  if (page === undefined) return response.writeHead(404).end()
  const body = page(searchParams.get('did') ?? '')
  if (body instanceof Uint8Array) return response.end(body)
  return response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
})
let did = ''
let archive: Buffer
const pages: Readonly<Record<string, (did: string) => object>> = {
  '/.well-known/did.json': () => ({
    id: did,
    service: [
      { id: '#stratos', type: 'StratosService', serviceEndpoint: originOf(did) },
      { id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: originOf(did) },
    ],
  }),
  '/xrpc/com.atproto.sync.listRepos': () => ({ repos: [{ did }, { did: GOOD }] }),
  '/xrpc/zone.stratos.enrollment.status': () => ({
    enrolled: true,
    boundaries: [{ value: `${did}/a` }, { value: 'did:web:other.example/a' }],
  }),
  '/xrpc/zone.stratos.sync.getRepo': (repo) => (repo === GOOD ? archive : Buffer.from('no repo')),
  '/xrpc/com.atproto.repo.listRecords': () => ({
    records: [{ uri: `at://${did}/zone.stratos.actor.enrollment/nul\0`, value: {} }],
  }),
}
const originOf = (web: string) => `http://${decodeURIComponent(web.slice('did:web:'.length))}`

let connections = 0
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket, request) => {
  if (!request.url?.startsWith('/xrpc/zone.stratos.')) {
    const identity = { seq: 1, did: 'did:web:nul\0', time: new Date().toISOString() }
    return socket.send(Buffer.concat([encode({ op: 1, t: '#identity' }), encode(identity)]))
  }
  connections += 1
  const time = new Date().toISOString()
  const [header, body] =
    connections === 1
      ? [{ op: 1, t: '#info' }, { name: 'OutdatedCursor' }]
      : [
          { op: 1, t: '#enrollment' },
          { seq: 9, did: LATER, action: 'enroll', boundaries: [], time },
        ]
  socket.send(Buffer.concat([encode(header), encode(body)]))
})

let directory: string
let indexer: Indexer
let drop: () => Promise<void>

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  did = `did:web:localhost%3A${typeof address === 'object' && address !== null ? address.port : 0}`
  archive = await archiveOf(GOOD, { [`${POST}/3jzfcijpj2z2a`]: post(did, 'hello', ['a']) })
  directory = mkdtempSync(join(tmpdir(), 'stratos-indexer-'))
  const database = await createDatabase()
  drop = database.drop
  const config = readConfig({
    BSKY_DB_POSTGRES_URL: database.url,
    BSKY_REPO_PROVIDER: originOf(did),
    STRATOS_SERVICE_URL: originOf(did),
    STRATOS_INDEXER_DID: 'did:web:indexer.example',
    STRATOS_INDEXER_HOST: '127.0.0.1',
    HEALTH_PORT: '0',
    STRATOS_INDEXER_KEY_FILE: join(directory, 'key'),
    STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
    ACTOR_SYNC_RECONNECT_BASE_DELAY_MS: '10',
    ACTOR_SYNC_RECONNECT_MAX_DELAY_MS: '50',
    ACTOR_SYNC_RECONNECT_JITTER_MS: '0',
  })
  indexer = await startIndexer(config, pino({ level: 'silent' }))
})
afterAll(async () => {
  await indexer?.close()
  await drop?.()
  sockets.close()
  server.closeAllConnections()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

it('a repo that cannot be read is put aside, and everybody else is read and followed', async () => {
  const { db } = indexer.database
  const enrolled = async () => {
    const rows = await db.selectFrom('stratos_enrollment').select('did').execute()
    return rows.map(({ did }) => did)
  }
  await waitUntil('what comes after the gap', async () => (await enrolled()).includes(LATER))
  expect((await enrolled()).toSorted()).toEqual([GOOD, LATER, did].toSorted())
  expect(await db.selectFrom('stratos_post').select(['creator', 'text']).execute()).toEqual([
    { creator: GOOD, text: 'hello' },
  ])
  const held = await db.selectFrom('stratos_enrollment_boundary').select('boundary').distinct().execute()
  expect(held).toEqual([{ boundary: `${did}/a` }])
  expect(await db.selectFrom('stratos_dead_letter').select(['did', 'path']).execute()).toEqual([
    { did, path: '' },
  ])
})

it('a PDS whose records have impossible keys does not end the reading of all others', async () => {
  const progress = () =>
    indexer.database.db.selectFrom('stratos_backfill').select(['repos', 'finishedAt']).executeTakeFirst()
  await waitUntil('the backfill', async () => (await progress())?.finishedAt != null)
  expect(await progress()).toMatchObject({ repos: 2 })
  const cursor = () =>
    indexer.database.db
      .selectFrom('stratos_sync_cursor')
      .select('seq')
      .where('service', '=', originOf(did))
      .executeTakeFirst()
  await waitUntil('the firehose', async () => (await cursor())?.seq === 1)
})
