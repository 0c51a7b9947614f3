import { decode } from '@atproto/lex-cbor'
import type { LexMap, LexValue } from '@atproto/lex-data'
import { lexStringify } from '@atproto/lex-json'
import type { FeedMessage } from '../operations/feed-message.ts'
import type { StreamEncoding } from './encoding.ts'

/** Keeps a connection without events from looking dead. */
export const HEARTBEAT = Buffer.from(': still here\n\n')

/**
 * The same messages as JSON, one event per line, for people and scripts.
 *
 * @param serviceUrl base URL that enrollments name
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventSourceEncoding(serviceUrl: string): StreamEncoding {
  return {
    name: 'json',
    message: (message) => encodeEvent(message.kind, toLex(message, serviceUrl), message.seq),
    info: (name, message) => encodeEvent('info', { name, message }),
    failure: ({ name, message }) => encodeEvent('error', { error: name, message }),
  }
}

function encodeEvent(kind: string, body: LexValue, seq?: number): Uint8Array {
  const id = seq === undefined ? '' : `id: ${seq}\n`
  return Buffer.from(`${id}event: ${kind}\ndata: ${lexStringify(body)}\n\n`)
}

function toLex(message: FeedMessage, service: string): LexMap {
  const { seq, did, atMs } = message
  const time = new Date(atMs).toISOString()
  if (message.kind === 'enrollment') {
    const { action, boundaries } = message
    const told = action === 'unenroll' ? {} : { boundaries: [...boundaries] }
    return { seq, did, action, service, time, ...told }
  }
  const ops = message.ops.map(({ action, path, cid, record }): LexMap => ({
    action,
    path,
    ...(cid === null ? {} : { cid }),
    ...(record === null ? {} : { record: decode(record) }),
  }))
  const { repoSeq, rev } = message
  return { seq, ...(repoSeq === null ? {} : { repoSeq }), did, time, rev, ops }
}
