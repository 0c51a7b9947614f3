import { optional } from './option.ts'
import { integer, text } from './readers.ts'

/** The part of the environment that is about streams. */
export const STREAM_ENV = {
  STRATOS_SYNC_TOKEN: optional(
    text,
    '',
    'Streams',
    'A secret of at least 32 characters that opens every stream as an allow-listed service would; unset, there is none',
  ),
  STRATOS_STREAMS_PER_PRINCIPAL: optional(
    integer(1, 1_000_000),
    20,
    'Streams',
    'How many streams one account or service may have open on this instance',
  ),
  STRATOS_STREAMS_PER_ADDRESS: optional(
    integer(1, 1_000_000),
    200,
    'Streams',
    'How many streams may be open to one address',
  ),
  STRATOS_STREAM_HEARTBEAT_MS: optional(
    integer(100, 3_600_000),
    30_000,
    'Streams',
    'How often followers are asked whether they are still there; one that did not answer is cut off',
  ),
  STRATOS_STREAM_RECHECK_MS: optional(
    integer(100, 3_600_000),
    30_000,
    'Streams',
    'How often followers are checked for whether they may still follow, besides after every change',
  ),
  STRATOS_STREAM_PATIENCE_MS: optional(
    integer(100, 3_600_000),
    10_000,
    'Streams',
    'How long a follower may take to make room for more, after which it is too slow',
  ),
  STRATOS_RETENTION_DAYS: optional(
    integer(0, 36_500),
    30,
    'Streams',
    'How long events are kept for followers who come back; 0 keeps them for ever. Records stay in any case',
  ),
} as const
