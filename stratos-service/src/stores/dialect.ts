import type { ColumnDataType } from 'kysely'

/** Everything that differs between the databases beyond what Kysely's compilers know. */
export interface DialectTraits {
  readonly bytes: ColumnDataType
  /** Integer primary key that counts by itself. */
  readonly serial: 'integer' | 'serial'
  /** Aggregate `(text, separator)` that joins the values of a group. */
  readonly joinText: 'group_concat' | 'string_agg'
}

export const SQLITE: DialectTraits = { bytes: 'blob', serial: 'integer', joinText: 'group_concat' }
