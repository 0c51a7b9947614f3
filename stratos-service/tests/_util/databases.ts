import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { buildConfig, type StorageSettings } from '../../src/config/config.ts'
import { readEnv } from '../../src/config/env.ts'
import { openStorage, type Storage } from '../../src/stores/open-storage.ts'

export const DATABASES = ['SQLite', 'Postgres, a schema per actor', 'Postgres, one schema'] as const

/** An empty place for a service's storage, on one of the databases. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  readonly settings: StorageSettings
  /** Holds what is in files. */
  readonly directory: string
  /** The storage that the tests share. */
  readonly storage: Storage
  /** Moved by tests, and by nothing else. */
  readonly clock: { nowMs: number }
  /** Another instance over the same database; Postgres only. Closed after the tests. */
  open(): Promise<Storage>
  /** All rows of all tables as text, with bytes as Latin-1; Postgres only. */
  dump(): Promise<string>
}

/** Runs the same tests on every database that a service may use. */
export function describeEachDatabase(what: string, tests: (database: () => Database) => void): void {
  describe.each(DATABASES)(`${what} on %s`, (name) => {
    let place: Awaited<ReturnType<typeof openPlace>> | undefined
    beforeAll(async () => {
      place = await openPlace(name)
    })
    afterAll(async () => {
      await place?.close()
    })
    tests(() => {
      if (place === undefined) throw new Error('the database is not open')
      return place
    })
  })
}

async function openPlace(name: (typeof DATABASES)[number]) {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-storage-'))
  const layout = name === 'Postgres, one schema' ? 'shared' : 'schema'
  const postgres = name === 'SQLite' ? null : await createDatabase()
  const settings = settingsOf(directory, postgres === null ? {} : postgresEnv(postgres.url, layout))
  const opened: Storage[] = []
  const clock = { nowMs: Date.now() }
  const open = async (): Promise<Storage> => {
    const storage = await openStorage(settings, () => clock.nowMs)
    opened.push(storage)
    return storage
  }
  return {
    kind: postgres === null ? ('sqlite' as const) : ('postgres' as const),
    settings,
    directory,
    clock,
    storage: await open(),
    open,
    dump: async () => (postgres === null ? '' : dumpTables(postgres.url)),
    close: async () => {
      for (const storage of opened) await storage.close()
      await postgres?.drop()
      rmSync(directory, { recursive: true })
    },
  }
}

/** The settings of a service as its environment would make them. */
export function settingsOf(dataDir: string, more: Readonly<Record<string, string>>): StorageSettings {
  const env = {
    STRATOS_SERVICE_DID: 'did:web:stratos.example',
    STRATOS_PUBLIC_URL: 'https://stratos.example',
    STRATOS_ALLOWED_DOMAINS: 'a,b,c',
    STRATOS_DATA_DIR: dataDir,
    ...more,
  }
  return buildConfig(readEnv(env)).storage
}

export function postgresEnv(url: string, layout: 'schema' | 'shared'): Record<string, string> {
  return {
    STORAGE_BACKEND: 'postgres',
    STRATOS_POSTGRES_URL: url,
    STRATOS_PG_LAYOUT: layout,
    STRATOS_PG_ACTOR_POOL_SIZE: '6',
    STRATOS_PG_ADMIN_POOL_SIZE: '4',
  }
}

/** Makes an empty database on the server of this test run. */
export async function createDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const answer = await fetch(inject('postgresStarter'))
  const server = await answer.text()
  if (!answer.ok) throw new Error(`Postgres could not be started: ${server}`)
  const name = `stratos_test_${randomBytes(6).toString('hex')}`
  await query(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: async () => void (await query(server, `drop database ${name} with (force)`)),
  }
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** All rows of all tables as text, with bytes as Latin-1. */
export async function dumpTables(url: string): Promise<string> {
  const tables = await query(
    url,
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema')`,
  )
  const parts = (await query(url, 'select nspname from pg_namespace')).map(({ nspname }) => String(nspname))
  for (const { name } of tables) {
    parts.push(String(name))
    for (const row of await query(url, `select * from ${String(name)}`)) {
      for (const value of Object.values(row))
        parts.push(Buffer.isBuffer(value) ? value.toString('latin1') : String(value))
    }
  }
  return parts.join('\n')
}
