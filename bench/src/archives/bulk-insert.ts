import { hash, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { readCarBlocks } from './read-car-blocks.ts'
import type { Network } from 'test-network'

const ROWS_PER_STATEMENT = 500

/**
 * The floor of an import: hashes the blocks of an archive and inserts them in one durable transaction, on the disk or the
 * server that the service uses.
 *
 * @returns how long it took, in ms; opening database and archive does not count
 */
export async function bulkInsert(network: Network, archive: Buffer): Promise<number> {
  const blocks = readCarBlocks(archive)
  return network.postgresUrl === null
    ? intoSqlite(join(network.directory, `import-floor-${randomUUID()}.sqlite`), blocks)
    : intoPostgres(network.postgresUrl, blocks)
}

function intoSqlite(file: string, blocks: readonly Buffer[]): number {
  const db = new Database(file)
  try {
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.exec('create table block (repo integer, cid text, content blob not null, primary key (repo, cid))')
    const insert = db.prepare('insert into block values (1, ?, ?)')
    const startedAt = performance.now()
    db.transaction(() => {
      for (const block of blocks) insert.run(hash('sha256', block), block)
    }).immediate()
    return performance.now() - startedAt
  } finally {
    db.close()
    for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  }
}

async function intoPostgres(url: string, blocks: readonly Buffer[]): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  const table = `import_floor_${randomUUID().replaceAll('-', '')}`
  try {
    await client.query(
      `create table ${table} (repo integer, cid text, content bytea not null, primary key (repo, cid))`,
    )
    const text = `insert into ${table} select 1, * from unnest($1::text[], $2::bytea[])`
    const startedAt = performance.now()
    await client.query('begin')
    for (let at = 0; at < blocks.length; at += ROWS_PER_STATEMENT) {
      const some = blocks.slice(at, at + ROWS_PER_STATEMENT)
      await client.query({ name: 'insert', text, values: [some.map((block) => hash('sha256', block)), some] })
    }
    await client.query('commit')
    return performance.now() - startedAt
  } finally {
    await client.query(`drop table if exists ${table}`)
    await client.end()
  }
}
