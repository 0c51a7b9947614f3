import { isValidRecordKey } from '@atproto/syntax'
import type { Rkey } from 'stratos-core'

/** A record as a PDS lists it. */
export interface ListedRecord {
  readonly rkey: Rkey
  readonly value: unknown
}

export interface RecordPage {
  readonly records: readonly ListedRecord[]
  /** undefined at the end */
  readonly cursor: string | undefined
}

/** Reads an answer of `com.atproto.repo.listRecords`. What is not a record with a key is left out. */
export function parseRecordPage(answer: unknown): RecordPage {
  const { records, cursor } = (answer ?? {}) as { records?: unknown; cursor?: unknown }
  const listed = Array.isArray(records) ? (records as unknown[]) : []
  return {
    records: listed.flatMap((record) => {
      const { uri, value } = (record ?? {}) as { uri?: unknown; value?: unknown }
      const rkey = typeof uri === 'string' ? uri.split('/').at(-1) : undefined
      return isValidRecordKey(rkey) ? [{ rkey, value }] : []
    }),
    cursor: typeof cursor === 'string' && cursor !== '' ? cursor : undefined,
  }
}
