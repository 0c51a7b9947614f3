import type { ReadRecord } from '../operations/read-records.ts'
import { preparedJson, type PreparedBody } from './prepared-body.ts'

const OPEN = Buffer.from('{"records":[')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from('}')

/** `{uri, cid, value}`. */
export function recordAnswer(record: ReadRecord): PreparedBody {
  return preparedJson(Buffer.concat(partsOf(record)))
}

/** `{records: [{uri, cid, value}, …], …}`. @param more other members of the answer; those that are undefined are left out */
export function recordsAnswer(
  records: readonly ReadRecord[],
  more: Readonly<Record<string, unknown>>,
): PreparedBody {
  const parts: Uint8Array[] = [OPEN]
  for (const [index, record] of records.entries()) {
    if (index > 0) parts.push(COMMA)
    parts.push(...partsOf(record))
  }
  const rest = JSON.stringify(more)
  parts.push(Buffer.from(rest === '{}' ? ']}' : `],${rest.slice(1)}`))
  return preparedJson(Buffer.concat(parts))
}

function partsOf({ uri, cid, json }: ReadRecord): Uint8Array[] {
  return [Buffer.from(`{"uri":${JSON.stringify(uri)},"cid":"${cid}","value":`), json, CLOSE]
}
