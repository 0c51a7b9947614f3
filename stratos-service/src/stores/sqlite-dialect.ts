import Database from 'better-sqlite3'
import type { CompiledQuery } from 'kysely'
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely'
import type { TransactionalConnection } from './transaction.ts'

export interface SqliteOptions {
  readonly file: string
  /** SQLite's page cache for this handle. */
  readonly cacheKiB: number
  /** How many statements stay prepared. */
  readonly maxStatements: number
}

/**
 * Kysely over better-sqlite3 with what the library's own dialect leaves out: durable commits, `BEGIN IMMEDIATE` (a
 * deferred transaction that turns out to write fails when somebody wrote since), and statements that are prepared once.
 *
 * One connection serves a file; transactions queue for it. Inside a transaction only its own handle may be used: the
 * outer one would wait for itself.
 */
export function sqliteDialect(options: SqliteOptions): Dialect {
  return {
    // Says that there is one connection only, so that Kysely hands it out to one at a time.
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(options),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions
  #connection: SqliteConnection | null = null

  constructor(options: SqliteOptions) {
    this.#options = options
  }

  async init(): Promise<void> {
    const db = new Database(this.#options.file)
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('busy_timeout = 5000')
    db.pragma('foreign_keys = ON')
    // A deleted record must not linger in free pages.
    db.pragma('secure_delete = ON')
    db.pragma(`cache_size = -${this.#options.cacheKiB}`)
    this.#connection = new SqliteConnection(db, this.#options.maxStatements)
  }

  async acquireConnection(): Promise<SqliteConnection> {
    if (this.#connection === null) throw new Error('the database is closed')
    return this.#connection
  }

  async releaseConnection(): Promise<void> {
    // There is nothing to give back.
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    await connection.begin()
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    await connection.commit()
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    await connection.rollback()
  }

  async destroy(): Promise<void> {
    this.#connection?.close()
    this.#connection = null
  }
}

/** A statement with more parameters is one of many sizes of a list, and does not come again soon; nor does one without. */
const MAX_KEPT_PARAMETERS = 300

class SqliteConnection implements TransactionalConnection {
  readonly #db: Database.Database
  readonly #maxStatements: number
  readonly #statements = new Map<string, Database.Statement>()

  constructor(db: Database.Database, maxStatements: number) {
    this.#db = db
    this.#maxStatements = maxStatements
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const kept = parameters.length > 0 && parameters.length <= MAX_KEPT_PARAMETERS
    const statement = kept ? this.#keptStatement(sql) : this.#db.prepare(sql)
    if (statement.reader) return { rows: statement.all(parameters) as R[] }
    const { changes, lastInsertRowid } = statement.run(parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are read in pages, not streamed')
  }

  async begin(): Promise<void> {
    this.#keptStatement('begin immediate').run()
  }

  async commit(): Promise<void> {
    this.#keptStatement('commit').run()
  }

  async rollback(): Promise<void> {
    // A full disk, for one, has ended the transaction already.
    if (this.#db.inTransaction) this.#keptStatement('rollback').run()
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
  }

  #keptStatement(sql: string): Database.Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare(sql)
    // The oldest goes, be it in use or not: keeping order by use would cost more than preparing one now and then.
    const [oldest] = this.#statements.keys()
    if (this.#statements.size >= this.#maxStatements && oldest !== undefined) this.#statements.delete(oldest)
    this.#statements.set(sql, statement)
    return statement
  }
}
