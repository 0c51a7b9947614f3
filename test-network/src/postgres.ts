import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { reserveFreePorts } from './free-port.ts'
import { startReadyChild } from './ready-child.ts'

/** A Postgres server on loopback, durable as in production. */
export interface PostgresServer {
  /** Resolves, with a sentence about how, when the server has ended, by `close` or otherwise. */
  readonly ended: Promise<string>
  /** Connection URL of a database, with the superuser's name and password. */
  url(database: string): string
  /** Creates an empty database unless it exists. @returns its connection URL */
  createDatabase(name: string): Promise<string>
  /** Ends the server (default SIGQUIT, which is a crash to its data) and starts it again on the same port. */
  restart(signal?: 'SIGTERM' | 'SIGQUIT'): Promise<void>
  close(): Promise<void>
}

export interface PostgresOptions {
  /** Keeps everything for the next start. Default: a temporary directory that `close` removes. */
  readonly directory?: string
  readonly onLine?: (line: string) => void
}

/**
 * Starts a Postgres server in a process of its own, on a free port.
 *
 * @throws {Error} with the last lines of its output when it does not come up
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'stratos-postgres-'))
  mkdirSync(directory, { recursive: true })
  // The account it runs as, if that is not ours, has to get to its own files. Others still cannot list ours.
  chmodSync(directory, 0o711)
  const password = rememberedPassword(join(directory, 'password'))
  const [reserved] = await reserveFreePorts(1)
  if (reserved === undefined) throw new Error('a port was asked for')
  await reserved.release()

  const forget = (): void => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
  const child = await startReadyChild({
    name: 'Postgres',
    module: new URL('./postgres-process.ts', import.meta.url),
    args: [String(reserved.port), directory],
    env: { ...process.env, POSTGRES_PASSWORD: password },
    onLine: (line) => options.onLine?.(line),
  }).catch((err: unknown) => {
    forget()
    throw err
  })

  const url = (database: string): string =>
    `postgres://stratos:${password}@127.0.0.1:${reserved.port}/${database}?sslmode=disable`
  return {
    ended: child.ended,
    url,
    createDatabase: async (name) => {
      await createDatabase(url('postgres'), name)
      return url(name)
    },
    restart: (signal = 'SIGQUIT') => child.restart(signal),
    close: async () => {
      await child.stop()
      forget()
    },
  }
}

/** @param adminUrl of any database on the server, by a user who may create others */
export async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rows.length === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

/** The password is part of the cluster from its first start on. */
function rememberedPassword(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const password = randomBytes(18).toString('base64url')
  writeFileSync(file, password, { mode: 0o600 })
  return password
}
