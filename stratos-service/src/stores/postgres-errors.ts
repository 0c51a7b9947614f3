import pg from 'pg'
import { StratosError } from 'stratos-core'
import { NOT_ONE } from './one-or-fail.ts'

/**
 * Postgres refused a statement. Says which kind of rule was broken and where, but not by what: the server's own message
 * quotes rows, and rows hold records and keys.
 */
export class PostgresError extends Error {
  override name = 'PostgresError'
  /** SQLSTATE. */
  readonly code: string

  constructor({ code = 'unknown', table, constraint }: pg.DatabaseError) {
    super(
      `Postgres answered ${code}${table === undefined ? '' : `, table ${table}`}${constraint === undefined ? '' : `, constraint ${constraint}`}`,
    )
    this.code = code
  }
}

/**
 * What may be different in a moment: no connection, no resources, a lock or a statement that took too long, a deadlock,
 * a server that is shutting down, starting up, or a standby.
 */
const PASSING = /^(08...|53...|57P..|57014|55P03|40001|40P01|25P0[34]|25006)$/
const NO_TABLE = '42P01'
const NOT_IN_ENCODING = '22021'

/** Turns whatever the driver throws into what the rest of the service understands. */
export function translateError(err: unknown): Error {
  if (err instanceof pg.DatabaseError) {
    if (PASSING.test(err.code ?? '')) return unavailable(err)
    // Postgres cannot keep the character NUL in text, and nothing that is kept contains it.
    if (err.code === NOT_IN_ENCODING)
      return new StratosError('InvalidRequest', 'text must not contain the character NUL')
    if (err.code === NOT_ONE)
      return new StratosError('ConcurrentModification', 'something changed in the meantime')
    return new PostgresError(err)
  }
  // A mistake of ours, such as a value that cannot be sent, comes as one of these; all else is about the connection.
  if (err instanceof TypeError || err instanceof RangeError) return err
  return unavailable(err)
}

/** The answer to a request that found no usable database. */
export function unavailable(cause: unknown): StratosError {
  return new StratosError('ServiceUnavailable', 'the database is not available at the moment', { cause })
}

/** Whether the tables are not there, as those of an actor that somebody else has destroyed. */
export function isMissingTable(err: unknown): boolean {
  return err instanceof PostgresError && err.code === NO_TABLE
}
