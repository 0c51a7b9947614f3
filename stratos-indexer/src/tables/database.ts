import Sqlite from 'better-sqlite3'
import { Kysely, PostgresDialect, sql, SqliteDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { MIGRATIONS, type ColumnTypes } from './migrations.ts'
import type { Tables } from './schema.ts'

export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

export type DatabaseSettings =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string; readonly poolSize: number }

/** The AppView's database. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  readonly db: Db
  close(): Promise<void>
}

/** Keeps two processes from migrating at the same time: "stratos" in ASCII, which fits a bigint. */
const MIGRATION_LOCK = 0x7374726174
const VERSION_TABLE = 'stratos_indexer_version'

/**
 * Opens the database and brings its tables to the newest version.
 *
 * @throws {Error} if it cannot be reached, or is newer than this program
 */
export async function openDatabase(settings: DatabaseSettings): Promise<Database> {
  const db = settings.kind === 'sqlite' ? openSqlite(settings.file) : openPostgres(settings)
  try {
    await migrate(db, settings)
  } catch (err) {
    await db.destroy()
    throw err
  }
  return { kind: settings.kind, db, close: () => db.destroy() }
}

function openFile(file: string): Sqlite.Database {
  try {
    return new Sqlite(file)
  } catch (err) {
    throw new Error(`the SQLite database ${file} cannot be opened`, { cause: err })
  }
}

function openSqlite(file: string): Db {
  const database = openFile(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.pragma('busy_timeout = 5000')
  // A deleted record must not linger in free pages.
  database.pragma('secure_delete = ON')
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database }) })
}

function openPostgres({ url, schema, poolSize }: Extract<DatabaseSettings, { kind: 'postgres' }>): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 10_000,
    // A server that vanishes without a word is noticed from this side, and an indexer that does from the other.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    options: `-c search_path=${quoted(schema)}`,
    types: {
      // `seq` is a bigint, and stays far below 2^53.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format),
    },
  })
  // The server may end a connection at any time, idle or between two statements; without listeners that would end this
  // process too. Whoever uses the connection hears of it from their next statement.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

async function migrate(db: Db, settings: DatabaseSettings): Promise<void> {
  const isPostgres = settings.kind === 'postgres'
  const types: ColumnTypes = isPostgres
    ? { bytes: 'bytea', big: 'bigint', id: 'bigserial' }
    : { bytes: 'blob', big: 'integer', id: 'integer' }
  // Who only opens the database must not wait for those who write to it.
  if (await isNewest(db, isPostgres ? settings.schema : null)) return
  await db.transaction().execute(async (tx) => {
    if (isPostgres) {
      await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
      await tx.schema.createSchema(settings.schema).ifNotExists().execute()
    }
    const versions = tx.withTables<{ [VERSION_TABLE]: { version: number } }>()
    await versions.schema
      .createTable(VERSION_TABLE)
      .ifNotExists()
      .addColumn('version', 'integer', (column) => column.notNull())
      .execute()
    const row = await versions.selectFrom(VERSION_TABLE).select('version').executeTakeFirst()
    const version = row?.version ?? 0
    if (version > MIGRATIONS.length) {
      throw new Error(`the database has version ${version}, this program knows ${MIGRATIONS.length} at most`)
    }
    for (const { name, up } of MIGRATIONS.slice(version)) {
      try {
        await up(tx, types)
      } catch (cause) {
        throw new Error(`migration "${name}" failed`, { cause })
      }
    }
    await versions.deleteFrom(VERSION_TABLE).execute()
    await versions.insertInto(VERSION_TABLE).values({ version: MIGRATIONS.length }).execute()
  })
}

async function isNewest(db: Db, schema: string | null): Promise<boolean> {
  const tables = await db.introspection.getTables()
  const isThere = tables.some(
    (table) => table.name === VERSION_TABLE && (schema === null || table.schema === schema),
  )
  if (!isThere) return false
  const versions = db.withTables<{ [VERSION_TABLE]: { version: number } }>()
  const row = await versions.selectFrom(VERSION_TABLE).select('version').executeTakeFirst()
  return row?.version === MIGRATIONS.length
}

function quoted(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`"${name}" is not a plain name of a schema`)
  return name
}
