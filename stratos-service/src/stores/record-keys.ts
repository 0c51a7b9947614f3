import { expressionBuilder, type Expression, type SqlBool } from 'kysely'
import type { RecordKey } from 'stratos-core'

/** The columns that name a record in every table that has something to say of one. */
interface KeyColumns {
  keyed: { collection: string; rkey: string }
}

/** Whether a row belongs to one of these records. Only one table of the query may have `collection` and `rkey`. */
export function isOneOf(keys: readonly RecordKey[]): Expression<SqlBool> {
  const eb = expressionBuilder<KeyColumns, 'keyed'>()
  const [first] = keys
  if (first !== undefined && keys.length === 1) {
    return eb.and([eb('collection', '=', first.collection), eb('rkey', '=', first.rkey)])
  }
  const tuples = keys.map(({ collection, rkey }) => eb.tuple<string, string>(collection, rkey))
  return eb(eb.refTuple('collection', 'rkey'), 'in', tuples)
}
