import { sql } from 'kysely'

/** SQLSTATE of a division by zero, which the statements here do on no other occasion. */
export const NOT_ONE = '22012'

/**
 * A column for a query over rows of which there must be one: Postgres fails if there is none. So a statement can refuse by
 * itself what must not be, and nobody has to wait for its answer to decide whether the transaction may end.
 *
 * The error is translated into `ConcurrentModification`.
 */
export function oneOrFail() {
  return sql<number>`1 / count(*)`.as('one')
}
