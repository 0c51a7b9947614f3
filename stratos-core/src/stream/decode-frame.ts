import { decodeAll } from '@atproto/lex-cbor'
import { StratosError } from '../errors.ts'
import { memberOf, textMemberOf } from '../untyped.ts'

/** Of a commit with 200 of the largest records. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

/** A frame of an event stream: a message with its type, such as `#commit`, or the error that ends the stream. */
export type StreamFrame =
  | { readonly kind: 'message'; readonly type: string; readonly body: unknown }
  | { readonly kind: 'error'; readonly error: string; readonly message: string | undefined }

/**
 * Takes a binary message of an event stream apart: two DAG-CBOR values, header and body.
 *
 * @returns the body decoded and otherwise unchecked
 * @throws {StratosError} `InvalidRequest` for anything else
 * @see https://atproto.com/specs/event-stream
 */
export function decodeFrame(bytes: Uint8Array): StreamFrame {
  const [header, body, ...rest] = decodeValues(bytes)
  const op = memberOf(header, 'op')
  if (rest.length > 0 || typeof body !== 'object' || body === null) throw malformed()
  if (op === -1) {
    return {
      kind: 'error',
      error: textMemberOf(body, 'error') ?? 'Unknown',
      message: textMemberOf(body, 'message'),
    }
  }
  const type = textMemberOf(header, 't')
  if (op !== 1 || type === undefined) throw malformed()
  return { kind: 'message', type, body }
}

function decodeValues(bytes: Uint8Array): unknown[] {
  if (bytes.byteLength > MAX_FRAME_BYTES) throw malformed()
  try {
    return [...decodeAll(bytes)]
  } catch (err) {
    throw malformed(err)
  }
}

function malformed(cause?: unknown): StratosError {
  return new StratosError('InvalidRequest', 'a message of the stream is not a frame', { cause })
}
