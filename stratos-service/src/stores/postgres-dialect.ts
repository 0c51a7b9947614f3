import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
} from 'kysely'
import type pg from 'pg'
import { translateError, unavailable } from './postgres-errors.ts'
import type { TransactionalConnection } from './transaction.ts'

/**
 * Kysely over a pool of Postgres connections, with errors translated and connections that take statements without
 * waiting for the answers to those before (see `inTransaction`).
 */
export function postgresDialect(pool: pg.Pool, onNoConnection: (err: unknown) => void): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(pool, onNoConnection),
    createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
}

class PostgresDriver implements Driver {
  readonly #pool: pg.Pool
  readonly #onNoConnection: (err: unknown) => void

  constructor(pool: pg.Pool, onNoConnection: (err: unknown) => void) {
    this.#pool = pool
    this.#onNoConnection = onNoConnection
  }

  async init(): Promise<void> {
    // Connections are opened when they are needed.
  }

  async acquireConnection(): Promise<PostgresConnection> {
    try {
      return new PostgresConnection(await this.#pool.connect())
    } catch (err) {
      this.#onNoConnection(err)
      throw unavailable(err)
    }
  }

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release()
  }

  async beginTransaction(connection: PostgresConnection): Promise<void> {
    await connection.begin()
  }

  async commitTransaction(connection: PostgresConnection): Promise<void> {
    await connection.commit()
  }

  async rollbackTransaction(connection: PostgresConnection): Promise<void> {
    await connection.rollback()
  }

  async destroy(): Promise<void> {
    await this.#pool.end()
  }
}

const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE'])

class PostgresConnection implements TransactionalConnection {
  readonly #client: pg.PoolClient
  #broken = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.#query(sql, parameters)
    return CHANGES.has(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are read in pages, not streamed')
  }

  async begin(): Promise<void> {
    await this.#query('begin isolation level read committed')
  }

  async commit(): Promise<void> {
    const { command } = await this.#query('commit')
    // Postgres ends a transaction in which a statement has failed this way, and calls that a success.
    if (command !== 'COMMIT') throw new Error('the transaction had failed before it was committed')
  }

  async rollback(): Promise<void> {
    try {
      await this.#query('rollback')
    } catch {
      // Whatever made the transaction fail is being reported; a connection in an unknown state is of no further use.
      this.#broken = true
    }
  }

  release(): void {
    this.#client.release(this.#broken)
  }

  async #query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(text, values?.slice())
    } catch (err) {
      throw translateError(err)
    }
  }
}
