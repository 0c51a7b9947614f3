import { isPlainObject, type LexMap } from '@atproto/lex-data'
import { parseNsid, parseRkey, StratosError, type Rkey } from 'stratos-core'
import type { Write } from '../../../../operations/writes.ts'

const METHOD = 'com.atproto.repo.applyWrites'

/**
 * Reads one change of an applyWrites request, in either spelling: with a `$type` and `value` as in
 * com.atproto.repo.applyWrites, or with `action` and `record` as in zone.stratos.repo.applyWrites#write.
 *
 * @throws {StratosError} `InvalidRequest`
 */
export function parseWrite(given: LexMap): Write {
  const { $type, action, value, record } = given
  const typed = $type !== undefined
  const kind = typed ? kindOfType($type) : action
  const content = typed ? value : record
  const collection = parseNsid(text(given, 'collection'))
  switch (kind) {
    case 'create':
      return { action: kind, collection, rkey: optionalRkey(given), record: recordOf(content) }
    case 'update':
      return { action: kind, collection, rkey: rkeyOf(given), record: recordOf(content) }
    case 'delete':
      return { action: kind, collection, rkey: rkeyOf(given) }
    default:
      throw new StratosError('InvalidRequest', 'a write must be a create, an update or a delete')
  }
}

function kindOfType($type: unknown): string | undefined {
  const [method, kind] = typeof $type === 'string' ? $type.split('#') : []
  return method === METHOD || method === '' ? kind : undefined
}

function rkeyOf(given: LexMap): Rkey {
  return parseRkey(text(given, 'rkey'))
}

function optionalRkey(given: LexMap): Rkey | undefined {
  return given.rkey === undefined ? undefined : rkeyOf(given)
}

function text(given: LexMap, name: string): string {
  const value = given[name]
  if (typeof value !== 'string') throw new StratosError('InvalidRequest', `a write must have a ${name}`)
  return value
}

function recordOf(value: unknown): LexMap {
  if (!isPlainObject(value))
    throw new StratosError('InvalidRequest', 'a create or an update must have a record')
  return value as LexMap
}
