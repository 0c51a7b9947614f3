import type { DefaultQueryCompiler } from 'kysely'
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  type ConnectionProvider,
  type DatabaseConnection,
  type Dialect,
} from 'kysely'

/** A connection that can begin and end transactions, as the connections of both dialects here can. */
export interface TransactionalConnection extends DatabaseConnection {
  begin(): Promise<void>
  /** @throws if what was done is not durable */
  commit(): Promise<void>
  rollback(): Promise<void>
}

/**
 * Runs `work` in a transaction on one connection. Unlike in Kysely's own transactions, statements may be sent one behind
 * the other without waiting for answers (see `together`), which saves round trips where the database is a server.
 *
 * The handle that `work` gets is dead as soon as `work` has settled: a statement that comes later, from a branch that
 * nobody waited for, is refused instead of being carried out outside the transaction.
 */
export async function inTransaction<DB, T>(
  db: Kysely<DB>,
  work: (trx: Kysely<DB>) => Promise<T>,
): Promise<T> {
  return inTransactionAfter(db, async () => undefined, work)
}

/**
 * As `inTransaction`, with a statement that is sent along with the beginning of the transaction to save a round trip, such
 * as one that takes a lock.
 *
 * @param first must do no harm outside a transaction, where it ends up if that cannot begin
 */
export async function inTransactionAfter<DB, F, T>(
  db: Kysely<DB>,
  first: (trx: Kysely<DB>) => Promise<F>,
  work: (trx: Kysely<DB>, found: F) => Promise<T>,
): Promise<T> {
  return run(db, async (trx, begun) => {
    const [, found] = await together([begun, first(trx)])
    return work(trx, found)
  })
}

/**
 * As `inTransactionAfter`, for work that does not depend on what the first statement finds, and is therefore begun at
 * once. The connection answers in order, so the work sees what it would have seen after the first statement.
 *
 * @param confirm throws if the work was done in vain
 */
export async function inTransactionBehind<DB, F, T>(
  db: Kysely<DB>,
  first: (trx: Kysely<DB>) => Promise<F>,
  confirm: (found: F) => void,
  work: (trx: Kysely<DB>) => Promise<T>,
): Promise<T> {
  return run(db, async (trx, begun) => {
    const confirmed = together([begun, first(trx)]).then(([, found]) => confirm(found))
    // In this order: whether it was in vain says more than how it failed.
    const [, result] = await together([confirmed, work(trx)])
    return result
  })
}

async function run<DB, T>(
  db: Kysely<DB>,
  work: (trx: Kysely<DB>, begun: Promise<void>) => Promise<T>,
): Promise<T> {
  const executor = db.getExecutor()
  return executor.provideConnection(async (connection) => {
    assertTransactional(connection)
    const lease = new Lease(connection)
    const trx = new Kysely<DB>({ ...PROPS, executor: executor.withConnectionProvider(lease) })
    try {
      const result = await work(trx, connection.begin())
      lease.end()
      await connection.commit()
      return result
    } catch (err) {
      lease.end()
      await connection.rollback()
      throw err
    }
  })
}

/**
 * Waits for statements that were sent one behind the other. When one fails, the others are waited for all the same, so
 * that nothing is still under way when the caller hears of it.
 */
export async function together<const T extends readonly unknown[]>(
  statements: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  const settled = await Promise.allSettled(statements)
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
  return Promise.all(statements)
}

/** Hands out one connection as often as asked, until it ends, and without the means to begin another transaction. */
class Lease implements ConnectionProvider {
  readonly #connection: DatabaseConnection
  #over = false

  constructor(connection: DatabaseConnection) {
    this.#connection = {
      executeQuery: (query) => connection.executeQuery(query),
      streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
    }
  }

  async provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    if (this.#over) throw new Error('the transaction is over')
    return consumer(this.#connection)
  }

  end(): void {
    this.#over = true
  }
}

function assertTransactional(connection: DatabaseConnection): asserts connection is TransactionalConnection {
  if (!('begin' in connection)) throw new Error('this is a transaction already')
}

/** What a Kysely needs besides an executor to open and close connections itself; this one never does. */
const DIALECT: Dialect = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: (): DefaultQueryCompiler => {
    throw new Error('the executor compiles')
  },
}
const PROPS = { config: { dialect: DIALECT }, dialect: DIALECT, driver: new DummyDriver() }
