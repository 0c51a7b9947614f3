import type { FeedMessage } from '../operations/feed-message.ts'

/** The names of errors that end a stream; part of the API. */
export type StreamErrorName =
  | 'AuthenticationRequired'
  | 'ConsumerTooSlow'
  | 'FutureCursor'
  | 'InternalServerError'
  | 'NotFound'
  | 'ServiceUnavailable'

/** Why a stream ends before its follower wants it to. */
export interface StreamFailure {
  readonly name: StreamErrorName
  /** For the person at the other end. */
  readonly message: string
}

/** How messages look on the wire. */
export interface StreamEncoding {
  /** Followers of one feed with encodings of the same name share what is encoded. */
  readonly name: string
  message(message: FeedMessage): Uint8Array
  /** @param name as in the lexicon, such as `OutdatedCursor` */
  info(name: string, message: string): Uint8Array
  failure(failure: StreamFailure): Uint8Array
}
