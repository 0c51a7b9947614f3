import { isPlainObject, type LexMap } from '@atproto/lex-data'
import { listMemberOf, memberOf } from '../untyped.ts'
import { type Boundary, isQualified } from './boundary.ts'

/**
 * The boundaries a record was written behind: `record.boundary.values[].value`.
 *
 * This file is the only one that knows that member, so that what is checked on write, indexed and compared on read is the same
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

/**
 * The record behind other boundaries. Everything else of it stays, and so does what `translations` does not name; where two
 * boundaries become one, it is kept once.
 *
 * @returns the same object if nothing changes
 */
export function translateBoundaries(record: LexMap, translations: ReadonlyMap<string, Boundary>): LexMap {
  const { boundary } = record
  const values = rawBoundariesOf(record)
  if (
    !isPlainObject(boundary) ||
    !values.some((value) => typeof value === 'string' && translations.has(value))
  )
    return record
  const seen = new Set<unknown>()
  const translated = listMemberOf(boundary, 'values').flatMap((entry) => {
    const value = memberOf(entry, 'value')
    const other = (typeof value === 'string' ? translations.get(value) : undefined) ?? value
    if (seen.has(other)) return []
    seen.add(other)
    return [{ ...(entry as LexMap), value: other }]
  })
  return { ...record, boundary: { ...(boundary as LexMap), values: translated as LexMap[] } }
}
