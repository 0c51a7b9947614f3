import { sql, type ColumnDataType, type RawBuilder } from 'kysely'

type ColumnType = ColumnDataType | RawBuilder<unknown>

/** Everything that differs between the databases beyond what Kysely's compilers know. */
export interface DialectTraits {
  /** Text that is compared and ordered by its bytes, whatever the language of the database. */
  readonly text: ColumnType
  readonly bytes: ColumnType
  /** Integer primary key that counts by itself and never gives a number twice. */
  readonly serial: { readonly type: 'integer' | 'serial'; readonly autoIncrement: boolean }
  /** Said at the end of a table that is looked up by its primary key: keeps the rows in that key's index. */
  readonly byKey: RawBuilder<unknown>
  /** Aggregate `(text, separator)` that joins the values of a group. */
  readonly joinText: 'group_concat' | 'string_agg'
  /** Whether signing keys are rows; otherwise they are files. */
  readonly keepsKeys: boolean
}

export const SQLITE: DialectTraits = {
  text: 'text',
  bytes: 'blob',
  serial: { type: 'integer', autoIncrement: true },
  byKey: sql`without rowid`,
  joinText: 'group_concat',
  keepsKeys: false,
}

export const POSTGRES: DialectTraits = {
  text: sql`text collate "C"`,
  bytes: 'bytea',
  serial: { type: 'serial', autoIncrement: false },
  // A table of Postgres is a heap.
  byKey: sql``,
  joinText: 'string_agg',
  keepsKeys: true,
}
