/**
 * What is looked at before a record leaves the app, so that a mistake is an exception there and not a post that somebody
 * reads.
 */
import { POST_COLLECTION, boundariesOf } from 'stratos-core'
import { isJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'

const WRITE = /^\/xrpc\/(?:com\.atproto|zone\.stratos)\.repo\.(?:createRecord|putRecord|applyWrites)$/

/**
 * Refuses a request that writes a private post without a boundary, or any record with a boundary that cannot be used.
 *
 * @throws {StratosClientError} `MissingBoundary`
 */
export function refuseUnboundedRecord(url: URL, init: RequestInit | undefined): void {
  if (!WRITE.test(url.pathname.replaceAll(/%2e/gi, '.'))) return
  for (const { collection, record } of recordsIn(parseBody(init?.body))) {
    const given = isJsonObject(record) && 'boundary' in record && record['boundary'] !== undefined
    const isPost =
      collection === POST_COLLECTION || (isJsonObject(record) && record['$type'] === POST_COLLECTION)
    if ((isPost || given) && boundariesOf(record).length === 0) {
      throw new StratosClientError(
        'MissingBoundary',
        `a record of ${String(collection)} needs at least one boundary, each as <service DID>/<name>`,
      )
    }
  }
}

function recordsIn(body: unknown): { collection: unknown; record: unknown }[] {
  if (!isJsonObject(body)) return []
  if (!Array.isArray(body['writes'])) return [{ collection: body['collection'], record: body['record'] }]
  return body['writes'].filter(isJsonObject).flatMap((write) => {
    const record = write['value'] ?? write['record']
    return record === undefined ? [] : [{ collection: write['collection'], record }]
  })
}

/** Client libraries send JSON as text or as its bytes; anything else is left to the service to refuse. */
function parseBody(body: RequestInit['body']): unknown {
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : body
  if (typeof text !== 'string') return null
  try {
    return JSON.parse(text)
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}
