import { decodeAll } from '@atproto/lex-cbor'
import { isCid } from '@atproto/lex-data'
import {
  isQualified,
  MAX_ENROLLED_BOUNDARIES,
  parseDid,
  parseNsid,
  parseRkey,
  parseTid,
  type Did,
} from 'stratos-core'

/** What a Stratos service tells in its streams. */
export type StreamMessage = CommitMessage | EnrollmentMessage | InfoMessage | FailureMessage

export interface CommitMessage {
  readonly kind: 'commit'
  readonly seq: number
  readonly did: Did
  readonly rev: string
  readonly atMs: number
  readonly ops: readonly RecordOp[]
}

export interface RecordOp {
  readonly action: 'create' | 'update' | 'delete'
  readonly collection: string
  readonly rkey: string
  /** null for a deletion. */
  readonly cid: string | null
  /** As decoded; null for a deletion, and for a version that has been replaced since. */
  readonly record: unknown
}

export interface EnrollmentMessage {
  readonly kind: 'enrollment'
  /** null from services that do not number enrollments. */
  readonly seq: number | null
  readonly did: Did
  readonly action: 'enroll' | 'unenroll'
  readonly boundaries: readonly string[]
  readonly atMs: number
}

export interface InfoMessage {
  readonly kind: 'info'
  readonly name: string
}

/** The service ends the stream. */
export interface FailureMessage {
  readonly kind: 'failure'
  readonly name: string
}

/** Raised for a frame that is none, or says what cannot be. */
export class FrameError extends Error {
  override name = 'FrameError'
}

const MAX_OPS = 200

export interface Frame {
  /** null for an error. */
  readonly type: string | null
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Takes a frame apart: two DAG-CBOR values, header and body.
 *
 * @throws {FrameError}
 * @see https://atproto.com/specs/event-stream
 */
export function parseFrame(bytes: Uint8Array): Frame {
  const [header, body] = decodeTwo(bytes)
  if (!isMap(header) || !isMap(body)) throw new FrameError('header and body must be maps')
  if (header['op'] === -1) return { type: null, body }
  if (header['op'] !== 1 || typeof header['t'] !== 'string') throw new FrameError('the header has no type')
  return { type: header['t'], body }
}

/** @returns null for a type this program does not know @throws {FrameError} */
export function parseMessage(bytes: Uint8Array): StreamMessage | null {
  const { type, body } = parseFrame(bytes)
  try {
    if (type === null) return { kind: 'failure', name: textOf(body['error']) }
    if (type === '#info') return { kind: 'info', name: textOf(body['name']) }
    if (type === '#commit') return parseCommit(body)
    if (type === '#enrollment') return parseEnrollment(body)
    return null
  } catch (err) {
    if (err instanceof FrameError) throw err
    throw new FrameError(`a ${type ?? 'failure'} cannot be read`, { cause: err })
  }
}

function parseCommit(body: Frame['body']): CommitMessage {
  const ops = listOf(body['ops'])
  if (ops.length > MAX_OPS) throw new FrameError('a commit has too many changes')
  return {
    kind: 'commit',
    seq: numberOf(body['seq']),
    did: parseDid(textOf(body['did'])),
    rev: parseTid(textOf(body['rev'])),
    atMs: timeOf(body['time']),
    ops: ops.map(parseOp),
  }
}

function parseOp(op: unknown): RecordOp {
  if (!isMap(op)) throw new FrameError('a change is no map')
  const { action, cid = null, record = null } = op
  if (action !== 'create' && action !== 'update' && action !== 'delete') {
    throw new FrameError('a change has no known action')
  }
  // Some services write it with a slash in front, and CIDs as text.
  const [collection, rkey, ...more] = textOf(op['path']).replace(/^\//, '').split('/')
  if (more.length > 0) throw new FrameError('a path has more than two parts')
  const told = isCid(cid) ? cid.toString() : cid
  if (told !== null && typeof told !== 'string') throw new FrameError('a CID is none')
  return {
    action,
    collection: parseNsid(collection ?? ''),
    rkey: parseRkey(rkey ?? ''),
    cid: action === 'delete' ? null : told,
    record: action === 'delete' ? null : record,
  }
}

function parseEnrollment(body: Frame['body']): EnrollmentMessage {
  const action = body['action']
  if (action !== 'enroll' && action !== 'unenroll') throw new FrameError('an enrollment has no known action')
  const boundaries = listOf(body['boundaries'] ?? [])
  if (boundaries.length > MAX_ENROLLED_BOUNDARIES || !boundaries.every(isQualified)) {
    throw new FrameError('an enrollment has boundaries that are none')
  }
  return {
    kind: 'enrollment',
    seq: body['seq'] === undefined ? null : numberOf(body['seq']),
    did: parseDid(textOf(body['did'])),
    action,
    boundaries: [...new Set<string>(boundaries)],
    atMs: timeOf(body['time']),
  }
}

function decodeTwo(bytes: Uint8Array): [unknown, unknown] {
  try {
    const [header, body, ...more] = decodeAll(bytes)
    if (more.length === 0) return [header, body]
  } catch (err) {
    // Includes the stack overflow that deep nesting ends in.
    throw new FrameError('a frame is not DAG-CBOR', { cause: err })
  }
  throw new FrameError('a frame has more than two values')
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new FrameError('a list is missing')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new FrameError('text is missing')
}

function numberOf(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  throw new FrameError('a number is missing')
}

function timeOf(value: unknown): number {
  const atMs = Date.parse(textOf(value))
  if (Number.isFinite(atMs)) return atMs
  throw new FrameError('a time is missing')
}
