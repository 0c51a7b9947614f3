import { listMemberOf, memberOf } from '../untyped.ts'
import { type Boundary, isQualified } from './boundary.ts'

/**
 * The boundaries a record was written behind: `record.boundary.values[].value`.
 *
 * This is the only reader of that member, so that what is checked on write, indexed and compared on read is the same
 * list. Anything malformed anywhere in it gives the empty list, which lets in nobody but the owner.
 */
export function boundariesOf(record: unknown): Boundary[] {
  const values = rawBoundariesOf(record)
  return values.every(isQualified) ? values : []
}

/** The same values, well-formed or not, for the write path, which tells authors what is wrong with them. */
export function rawBoundariesOf(record: unknown): unknown[] {
  return listMemberOf(memberOf(record, 'boundary'), 'values').map((entry) => memberOf(entry, 'value'))
}
