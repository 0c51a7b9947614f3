/**
 * Entry of the process that takes in archives and does nothing with them but what cannot be left out; see `openSink`. Its
 * arguments are a file of the service, or the URL of its database server, and a directory on the service's disk.
 */
import { hash, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { largestRepoTable } from './largest-repo-table.ts'
import { readCarBlocks } from './read-car-blocks.ts'

const ROWS_PER_STATEMENT = 500
const REV = '3jzfcijpj2z2a'
const [, , place = '', directory = ''] = process.argv
const insertAll = place.includes('://') ? intoPostgres : intoSqlite

/** Into a table like the service's, of a database that is as durable and erases as thoroughly. */
async function intoSqlite(blocks: readonly Buffer[]): Promise<void> {
  const file = join(directory, `import-floor-${randomUUID()}.sqlite`)
  const service = new Database(place, { readonly: true })
  const definition = service
    .prepare<[], string>(`select sql from sqlite_master where type = 'table' and name = 'repo_block'`)
    .pluck()
    .get()
  service.close()
  const db = new Database(file)
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('secure_delete = ON')
    db.exec(definition ?? '')
    const insert = db.prepare('insert into repo_block (repo, cid, content, rev) values (1, ?, ?, ?)')
    db.transaction(() => {
      for (const block of blocks) insert.run(hash('sha256', block), block, REV)
    }).immediate()
  } finally {
    db.close()
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  }
}

async function intoPostgres(blocks: readonly Buffer[]): Promise<void> {
  const client = new pg.Client(place)
  await client.connect()
  const name = `import_floor_${randomUUID().replaceAll('-', '')}`
  try {
    const { table } = await largestRepoTable(client)
    await client.query(`create table ${name} (like ${table} including all)`)
    const text = `insert into ${name} (repo, cid, content, rev) select 1, cid, content, '${REV}' from unnest($1::text[], $2::bytea[]) as block (cid, content)`
    await client.query('begin')
    for (let at = 0; at < blocks.length; at += ROWS_PER_STATEMENT) {
      const some = blocks.slice(at, at + ROWS_PER_STATEMENT)
      await client.query({ name: 'insert', text, values: [some.map((block) => hash('sha256', block)), some] })
    }
    await client.query('commit')
  } finally {
    await client.query(`drop table if exists ${name}`)
    await client.end()
  }
}

async function take(req: IncomingMessage): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  await insertAll(readCarBlocks(Buffer.concat(chunks)))
}

const server = createServer((req, res) => {
  take(req).then(
    () => res.end('{}'),
    (err: unknown) => res.writeHead(500).end(String(err)),
  )
})
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('disconnect', () => process.exit(0))
