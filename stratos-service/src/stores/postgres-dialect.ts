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
import { PostgresSession, type Answer } from './postgres-session.ts'
import type { TransactionalConnection } from './transaction.ts'

/**
 * Kysely over a pool of Postgres connections, with errors translated, statements prepared that come often, and connections
 * that take statements without waiting for the answers to those before (see `inTransaction`).
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
  readonly #sessions = new WeakMap<pg.PoolClient, PostgresSession>()

  constructor(pool: pg.Pool, onNoConnection: (err: unknown) => void) {
    this.#pool = pool
    this.#onNoConnection = onNoConnection
  }

  async init(): Promise<void> {
    // Connections are opened when they are needed.
  }

  async acquireConnection(): Promise<PostgresConnection> {
    const client = await this.#connect()
    const session = this.#sessions.get(client) ?? new PostgresSession(client)
    this.#sessions.set(client, session)
    return new PostgresConnection(session, (broken) => client.release(broken))
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

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (err) {
      this.#onNoConnection(err)
      throw unavailable(err)
    }
  }
}

const CHANGES = new Set(['INSERT', 'UPDATE', 'DELETE'])

class PostgresConnection implements TransactionalConnection {
  readonly #session: PostgresSession
  readonly #giveBack: (broken: boolean) => void
  #broken = false

  constructor(session: PostgresSession, giveBack: (broken: boolean) => void) {
    this.#session = session
    this.#giveBack = giveBack
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { command, rowCount, rows } = await this.#query(sql, parameters)
    // Whoever asks knows of what their rows are made.
    const found = rows as R[]
    return CHANGES.has(command) ? { rows: found, numAffectedRows: BigInt(rowCount ?? 0) } : { rows: found }
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are read in pages, not streamed')
  }

  async begin(): Promise<void> {
    await this.#query('begin isolation level read committed')
  }

  async commit(): Promise<void> {
    await this.commitAlong(() => true)
  }

  async commitAlong(wanted: () => boolean): Promise<void> {
    const { command } = await translated(this.#session.queryLast('commit', wanted))
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
    this.#giveBack(this.#broken)
  }

  async #query(text: string, parameters?: readonly unknown[]): Promise<Answer> {
    return translated(this.#session.query(text, parameters))
  }
}

async function translated(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (err) {
    throw translateError(err)
  }
}
