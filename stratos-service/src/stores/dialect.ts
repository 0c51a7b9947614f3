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
  /** Function `(text, part)` that says where a part begins; 0 if it is not there. */
  readonly positionOf: 'instr' | 'strpos'
  /** Whether signing keys are rows; otherwise they are files. */
  readonly keepsKeys: boolean
  /** Whether a statement can be made to fail where it changes nothing, so that nobody needs to look at its answer. */
  readonly failsInVain: boolean
  /** Whether each actor has a database of their own, so that no transaction is about an actor and the service at once. */
  readonly actorsApart: boolean
}

export const SQLITE: DialectTraits = {
  text: 'text',
  bytes: 'blob',
  serial: { type: 'integer', autoIncrement: true },
  byKey: sql`without rowid`,
  joinText: 'group_concat',
  positionOf: 'instr',
  keepsKeys: false,
  failsInVain: false,
  actorsApart: true,
}

export const POSTGRES: DialectTraits = {
  text: sql`text collate "C"`,
  bytes: 'bytea',
  serial: { type: 'serial', autoIncrement: false },
  // A table of Postgres is a heap.
  byKey: sql``,
  joinText: 'string_agg',
  positionOf: 'strpos',
  keepsKeys: true,
  failsInVain: true,
  actorsApart: false,
}
