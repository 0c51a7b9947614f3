import type { DefaultQueryCompiler } from 'kysely'
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  type ConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type QueryExecutor,
} from 'kysely'

/** A connection that can begin and end transactions, as the connections of both dialects here can. */
export interface TransactionalConnection extends DatabaseConnection {
  begin(): Promise<void>
  /** @throws if what was done is not durable */
  commit(): Promise<void>
  /**
   * Sends the commit along with what is sent at the end of this turn of the event loop, if it is still wanted then.
   *
   * @throws also if it was not
   */
  commitAlong?(wanted: () => boolean): Promise<void>
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
 * As `inTransactionAfter`, for work that does not depend on what the first statement finds. The transaction begins when
 * the work asks for its own first statement, and the three are sent together; until then no connection is taken up, however
 * long the work computes. The connection answers in order, so the work sees what it would have seen after the first
 * statement.
 *
 * With `finish` the work says that it has asked for all its statements, whose answers it may still wait for. The end of the
 * transaction is then sent along with them, so that all of it can be one round trip. It is carried out unless the work fails
 * before they are sent, or a statement does: whatever else must not be kept, the work has to find out before.
 *
 * @param first must fail if the work is done in vain; what it fails with is what the caller gets
 */
export async function inTransactionBehind<DB, T>(
  db: Kysely<DB>,
  first: (trx: Kysely<DB>) => Promise<void>,
  work: (trx: Kysely<DB>, finish: () => void) => Promise<T>,
): Promise<T> {
  const executor = db.getExecutor()
  const late = new LateLease()
  const working = work(handleOver(executor, late), () => late.finish())
  // At once: the end of the transaction may be about to be sent.
  working.catch((err: unknown) => late.refuse(err))
  try {
    await Promise.race([late.asked, working])
    return await executor.provideConnection(async (connection) => {
      assertTransactional(connection)
      const begun = connection.begin()
      const locked = first(handleOver(executor, new Lease(telling(connection, () => late.open(connection)))))
      locked.catch((err: unknown) => late.refuse(err))
      // In this order: whether it was in vain says more than how it failed.
      const all = together([begun, locked, working]).then(([, , result]) => result)
      return conclude(connection, late, all)
    })
  } catch (err) {
    late.refuse(err)
    // It may still be about to hear of that.
    await Promise.allSettled([working])
    throw err
  }
}

async function run<DB, T>(
  db: Kysely<DB>,
  work: (trx: Kysely<DB>, begun: Promise<void>) => Promise<T>,
): Promise<T> {
  const executor = db.getExecutor()
  return executor.provideConnection(async (connection) => {
    assertTransactional(connection)
    const lease = new Lease(connection)
    return conclude(connection, lease, work(handleOver<DB>(executor, lease), connection.begin()))
  })
}

/** Ends a transaction as its work ends. */
async function conclude<T>(
  connection: TransactionalConnection,
  lease: { end(): void; readonly committed?: Promise<void> | null },
  working: Promise<T>,
): Promise<T> {
  try {
    const result = await working
    lease.end()
    await (lease.committed ?? connection.commit())
    return result
  } catch (err) {
    lease.end()
    await connection.rollback()
    throw err
  }
}

function handleOver<DB>(executor: QueryExecutor, provider: ConnectionProvider): Kysely<DB> {
  return new Kysely<DB>({ ...PROPS, executor: executor.withConnectionProvider(provider) })
}

/** The same connection, which tells when it has been given a statement. */
function telling(connection: DatabaseConnection, given: () => void): DatabaseConnection {
  return {
    executeQuery: (query) => {
      const answer = connection.executeQuery<never>(query)
      given()
      return answer
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  }
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

/** Lends a connection that there is later, and ends the transaction behind the last statement where it is told to. */
class LateLease implements ConnectionProvider {
  readonly #asked = Promise.withResolvers<void>()
  readonly #opened = Promise.withResolvers<{ lease: Lease; connection: TransactionalConnection }>()
  /** Statements that have been asked for but not given to the connection. */
  #ahead = 0
  #finished = false
  #failed = false
  #over = false
  /** The end of the transaction, once it has been sent. */
  committed: Promise<void> | null = null

  constructor() {
    // There may be nobody who waits for it.
    this.#opened.promise.catch(() => undefined)
  }

  /** Resolves when there is need of a connection. */
  get asked(): Promise<void> {
    return this.#asked.promise
  }

  async provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    if (this.#finished || this.#over) throw new Error('the transaction is over')
    this.#ahead += 1
    this.#asked.resolve()
    const { lease, connection } = await this.#opened.promise
    try {
      return await lease.provideConnection((lent) => consumer(telling(lent, () => this.#given(connection))))
    } catch (err) {
      // Perhaps before it was sent, and then the server knows nothing of it.
      this.#failed = true
      throw err
    }
  }

  open(connection: TransactionalConnection): void {
    this.#opened.resolve({ lease: new Lease(connection), connection })
  }

  refuse(reason: unknown): void {
    this.end()
    this.#opened.reject(reason)
  }

  /** No further statements are taken. */
  finish(): void {
    this.#finished = true
  }

  end(): void {
    this.#over = true
  }

  #given(connection: TransactionalConnection): void {
    this.#ahead -= 1
    if (!this.#finished || this.#ahead > 0 || connection.commitAlong === undefined) return
    this.committed = connection.commitAlong(() => !this.#over && !this.#failed)
    // Whoever waits for the statements hears of what went wrong there first.
    this.committed.catch(() => undefined)
  }
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
