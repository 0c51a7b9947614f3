import type { Cid, LexMap } from '@atproto/lex-data'
import { StratosError, decodeFrame } from 'stratos-core'
import { isJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'

/** A change of one record. */
export interface RecordChange {
  action: 'create' | 'update' | 'delete'
  collection: string
  rkey: string
  /** After the change; null for `delete`. */
  cid: string | null
  /** Null for `delete`, and for a version that has been replaced since. */
  record: LexMap | null
}

/** An event of `zone.stratos.sync.subscribeRecords`. */
export type StreamEvent =
  | { kind: 'commit'; seq: number; did: string; rev: string; time: string; changes: RecordChange[] }
  | {
      kind: 'enrollment'
      seq: number | null
      did: string
      action: 'enroll' | 'unenroll'
      service: string | null
      boundaries: string[]
      time: string
    }
  /** `OutdatedCursor`: events between the cursor and what follows are gone; read the repo anew. */
  | { kind: 'info'; name: string; message: string | null }

/** What a service says when it ends a stream. */
export interface StreamEnd {
  kind: 'end'
  error: string
  message: string
}

/**
 * Reads one message of the stream.
 *
 * @returns null for a kind that this version does not know
 * @throws {StratosClientError} `StreamFailed` for what is no message
 */
export function parseStreamMessage(bytes: Uint8Array): StreamEvent | StreamEnd | null {
  try {
    const frame = decodeFrame(bytes)
    if (frame.kind === 'error')
      return { kind: 'end', error: frame.error, message: frame.message ?? frame.error }
    return parseEvent(frame.type, frame.body)
  } catch (err) {
    if (!(err instanceof StratosError)) throw err
    throw malformed(err)
  }
}

function parseEvent(type: string, body: unknown): StreamEvent | null {
  const text = (name: string) => required(fieldOf(body, name), isText)
  const optionalText = (name: string) => optional(fieldOf(body, name), isText)
  if (type === '#info') return { kind: 'info', name: text('name'), message: optionalText('message') }
  const [did, time] = [text('did'), text('time')]
  if (type === '#commit') {
    const ops = required(fieldOf(body, 'ops'), Array.isArray)
    const seq = required(fieldOf(body, 'seq'), Number.isSafeInteger) as number
    return { kind: 'commit', seq, did, rev: text('rev'), time, changes: ops.map(parseChange) }
  }
  if (type !== '#enrollment') return null
  const boundaries = optional(fieldOf(body, 'boundaries'), Array.isArray) ?? []
  return {
    kind: 'enrollment',
    seq: optional(fieldOf(body, 'seq'), Number.isSafeInteger) as number | null,
    did,
    action: required(text('action'), (action) => action === 'enroll' || action === 'unenroll'),
    service: optionalText('service'),
    boundaries: boundaries.filter(isText),
    time,
  }
}

function parseChange(op: unknown): RecordChange {
  const path = required(fieldOf(op, 'path'), isText)
  const [collection = '', rkey = '', ...rest] = path.split('/')
  if (collection === '' || rkey === '' || rest.length > 0) throw malformed()
  const cid = fieldOf(op, 'cid') as Cid | undefined
  return {
    action: required(fieldOf(op, 'action'), isAction),
    collection,
    rkey,
    cid: cid?.toString() ?? null,
    record: optional(fieldOf(op, 'record'), isJsonObject) as LexMap | null,
  }
}

const fieldOf = (value: unknown, name: string) => (isJsonObject(value) ? value[name] : undefined)
const isText = (value: unknown): value is string => typeof value === 'string'
const isAction = (value: unknown): value is RecordChange['action'] =>
  value === 'create' || value === 'update' || value === 'delete'

function required<T, U extends T>(value: T, is: (value: T) => value is U): U
function required<T>(value: T, is: (value: T) => boolean): T
function required<T>(value: T, is: (value: T) => boolean): T {
  if (!is(value)) throw malformed()
  return value
}

function optional<T, U extends T>(value: T, is: (value: T) => value is U): U | null
function optional<T>(value: T, is: (value: T) => boolean): T | null
function optional<T>(value: T, is: (value: T) => boolean): T | null {
  return value === undefined || value === null ? null : required(value, is)
}

function malformed(cause?: unknown): StratosClientError {
  return new StratosClientError('StreamFailed', 'the service sent something that is no event', { cause })
}
