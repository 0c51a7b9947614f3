import Database from 'better-sqlite3'
import { closeSync, openSync } from 'node:fs'
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
  /** Brings what was written to a file to the disk. */
  readonly sync: (fd: number) => Promise<void>
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

const BUSY_TIMEOUT = 'busy_timeout = 5000'

class SqliteDriver implements Driver {
  readonly #options: SqliteOptions
  #connection: SqliteConnection | null = null

  constructor(options: SqliteOptions) {
    this.#options = options
  }

  async init(): Promise<void> {
    const db = new Database(this.#options.file)
    db.pragma('journal_mode = WAL')
    // A commit is durable all the same: see `SqliteConnection`.
    db.pragma('synchronous = NORMAL')
    db.pragma(BUSY_TIMEOUT)
    db.pragma('foreign_keys = ON')
    // A deleted record must not linger in free pages.
    db.pragma('secure_delete = ON')
    db.pragma(`cache_size = -${this.#options.cacheKiB}`)
    this.#connection = new SqliteConnection(db, this.#options)
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

/**
 * SQLite writes a commit to its log and would then wait for the disk, and the whole process with it. Here the log is
 * brought to the disk by others, while the connection belongs to whoever committed: nobody sees, and nobody is told of,
 * what is not durable.
 */
class SqliteConnection implements TransactionalConnection {
  readonly #db: Database.Database
  readonly #options: SqliteOptions
  readonly #statements = new Map<string, Database.Statement>()
  #log: number | null = null
  /** Whether something is committed of which it is not known that it is on the disk. */
  #uncertain = false

  constructor(db: Database.Database, options: SqliteOptions) {
    this.#db = db
    this.#options = options
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#uncertain) await this.#settle()
    const kept = parameters.length > 0 && parameters.length <= MAX_KEPT_PARAMETERS
    const statement = kept ? this.#keptStatement(sql) : this.#db.prepare(sql)
    const result = run<R>(statement, parameters)
    if (!statement.readonly && !this.#db.inTransaction) await this.#makeDurable()
    return result
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are read in pages, not streamed')
  }

  async begin(): Promise<void> {
    if (this.#uncertain) await this.#settle()
    this.#keptStatement('begin immediate').run()
  }

  async commit(): Promise<void> {
    this.#keptStatement('commit').run()
    await this.#makeDurable()
  }

  async rollback(): Promise<void> {
    // A full disk, for one, has ended the transaction already.
    if (this.#db.inTransaction) this.#keptStatement('rollback').run()
  }

  close(): void {
    this.#statements.clear()
    this.#db.close()
    if (this.#log !== null) closeSync(this.#log)
  }

  async #makeDurable(): Promise<void> {
    this.#uncertain = true
    try {
      await this.#syncLog()
      this.#uncertain = false
    } catch {
      await this.#settle()
    }
  }

  async #syncLog(): Promise<void> {
    // SQLite keeps no locks on this file that closing it could end. Not every system brings one to its disk that is open for
    // reading alone.
    this.#log ??= openSync(`${this.#db.name}-wal`, 'r+')
    await this.#options.sync(this.#log)
  }

  /**
   * After the disk has failed once, a second try may succeed without having written anything. So everything in the log is
   * moved to the database, and that to the disk; what the disk has of the log is not to be read after a crash.
   */
  async #settle(): Promise<void> {
    if (!this.#moveLog()) throw new Error('what was committed cannot be brought to the disk')
    await this.#syncLog()
    this.#uncertain = false
  }

  /** @returns whether all of it could be moved; not while somebody reads an older state */
  #moveLog(): boolean {
    // Nobody else is to wait for them.
    this.#db.pragma('busy_timeout = 0')
    try {
      const [outcome] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[]
      return outcome?.busy === 0
    } finally {
      this.#db.pragma(BUSY_TIMEOUT)
    }
  }

  #keptStatement(sql: string): Database.Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare(sql)
    // The oldest goes, be it in use or not: keeping order by use would cost more than preparing one now and then.
    const [oldest] = this.#statements.keys()
    if (this.#statements.size >= this.#options.maxStatements && oldest !== undefined) {
      this.#statements.delete(oldest)
    }
    this.#statements.set(sql, statement)
    return statement
  }
}

function run<R>(statement: Database.Statement, parameters: readonly unknown[]): QueryResult<R> {
  if (statement.reader) return { rows: statement.all(parameters) as R[] }
  const { changes, lastInsertRowid } = statement.run(parameters)
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
}
