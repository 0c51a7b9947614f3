import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { PostgresSettings } from '../config/postgres.ts'
import type { Logger } from '../logger.ts'

const CONNECT_MS = 5_000
const STATEMENT_MS = 30_000
const LOCK_MS = 10_000
const IDLE_IN_TRANSACTION_MS = 60_000
const IDLE_MS = 30_000
/** A connection remembers every table it ever touched; with a schema for each actor that must come to an end. */
const LIFE_SEC = 30 * 60

const TIMEOUTS = {
  statement_timeout: STATEMENT_MS,
  lock_timeout: LOCK_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  // Ours is the last word where the server cannot give one: the network may have gone away.
  query_timeout: STATEMENT_MS + CONNECT_MS,
}

const INT8 = 20

export interface PoolOptions {
  readonly max: number
  /** Whether a commit is on disk when it is answered. Only what may be lost in a crash of the server goes without. */
  readonly durable: boolean
  /** Whether statements may take as long as they take, as when tables are rebuilt. */
  readonly patient: boolean
  readonly logger: Logger
}

/** Opens a pool of connections, which connect when they are needed. */
export function openPool(settings: PostgresSettings, ssl: PoolSsl, options: PoolOptions): pg.Pool {
  const { host, port, user, password, database } = settings
  const config = {
    ...{ host, port, user, password, database, ssl },
    application_name: 'stratos',
    options: `-c synchronous_commit=${options.durable ? 'on' : 'off'} -c timezone=UTC`,
    max: options.max,
    // Statements that need not wait for each other's answers are sent one behind the other.
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_MS,
    maxLifetimeSeconds: LIFE_SEC,
    ...(options.patient ? {} : TIMEOUTS),
    types: { getTypeParser },
  }
  // Named first: the types of the driver do not know `pipeline` yet.
  const pool = new pg.Pool(config)
  // The server may end a connection at any time, idle or between two statements; without listeners that would end this
  // process too. Whoever uses the connection hears of it from their next statement.
  pool.on('error', (err) => options.logger.warn({ err }, 'a connection to Postgres was lost'))
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** A connection outside of any pool, for listening. It connects when it is told to. */
export function openClient(settings: PostgresSettings, ssl: PoolSsl): pg.Client {
  const { host, port, user, password, database } = settings
  return new pg.Client({
    ...{ host, port, user, password, database, ssl },
    application_name: 'stratos',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
  })
}

export type PoolSsl = false | ConnectionOptions

/**
 * What a mode means for a connection, as libpq defines it. `prefer` asks the server once and then stays with the answer.
 *
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
 */
export async function chooseSsl(settings: PostgresSettings): Promise<PoolSsl> {
  // A socket in the file system does not leave the machine; libpq has no TLS there either.
  if (settings.host.startsWith('/')) return false
  switch (settings.sslMode) {
    case 'disable':
      return false
    case 'prefer':
      return (await offersSsl(settings)) ? { rejectUnauthorized: false } : false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { rejectUnauthorized: true }
  }
}

async function offersSsl({ host, port, user, password, database }: PostgresSettings): Promise<boolean> {
  const client = new pg.Client({
    ...{ host, port, user, password, database },
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: CONNECT_MS,
  })
  try {
    await client.connect()
    return true
  } catch (err) {
    if (err instanceof Error && err.message.includes('does not support SSL')) return false
    throw err
  } finally {
    await client.end()
  }
}

/** Numbers of 64 bits come as text, because they may be too large for a number; those kept here never are. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === INT8 ? Number : pg.types.getTypeParser(oid, format)
}
