import { encode } from '@atproto/lex-cbor'
import { CborWriter } from 'stratos-core'
import type { CommitMessage, EnrollmentMessage, RecordOp } from '../operations/feed-message.ts'
import type { StreamEncoding } from './encoding.ts'

const COMMIT = encode({ op: 1, t: '#commit' })
const ENROLLMENT = encode({ op: 1, t: '#enrollment' })
const INFO = encode({ op: 1, t: '#info' })
const ERROR = encode({ op: -1 })

/**
 * Frames of two DAG-CBOR values, header and body, as atproto's event streams have them.
 *
 * @param serviceUrl base URL that enrollments name
 * @see https://atproto.com/specs/event-stream
 */
export function frameEncoding(serviceUrl: string): StreamEncoding {
  return {
    name: 'cbor',
    message: (message) =>
      message.kind === 'commit' ? encodeCommit(message) : encodeEnrollment(message, serviceUrl),
    info: (name, message) => Buffer.concat([INFO, encode({ name, message })]),
    failure: ({ name, message }) => Buffer.concat([ERROR, encode({ error: name, message })]),
  }
}

function encodeCommit({ seq, repoSeq, did, atMs, rev, ops }: CommitMessage): Uint8Array {
  const writer = new CborWriter().encoded(COMMIT)
  writer.map(repoSeq === null ? 5 : 6)
  writer.text('did').text(did)
  writer.text('ops').array(ops.length)
  for (const op of ops) writeOp(writer, op)
  writer.text('rev').text(rev)
  writer.text('seq').integer(seq)
  writer.text('time').text(new Date(atMs).toISOString())
  if (repoSeq !== null) writer.text('repoSeq').integer(repoSeq)
  return writer.finish()
}

function writeOp(writer: CborWriter, { action, path, cid, record }: RecordOp): void {
  writer.map(2 + (cid === null ? 0 : 1) + (record === null ? 0 : 1))
  if (cid !== null) writer.text('cid').link(cid.bytes)
  writer.text('path').text(path)
  writer.text('action').text(action)
  if (record !== null) writer.text('record').encoded(record)
}

function encodeEnrollment(message: EnrollmentMessage, service: string): Uint8Array {
  const { seq, did, action, boundaries, atMs } = message
  const time = new Date(atMs).toISOString()
  const told = action === 'unenroll' ? {} : { boundaries: [...boundaries] }
  return Buffer.concat([ENROLLMENT, encode({ seq, did, action, service, time, ...told })])
}
