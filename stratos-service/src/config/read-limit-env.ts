import { optional } from './option.ts'
import { integer } from './readers.ts'

/** The part of the environment that limits reads. */
export const READ_LIMIT_ENV = {
  STRATOS_READS_PER_MINUTE: optional(
    integer(1, 1_000_000_000),
    1_000,
    'Limits',
    'Reads that one account may make in a minute on this instance',
  ),
  STRATOS_ANONYMOUS_READS_PER_MINUTE: optional(
    integer(1, 1_000_000_000),
    300,
    'Limits',
    'Reads without an account that one network may make in a minute on this instance',
  ),
  STRATOS_SERVICE_READS_PER_MINUTE: optional(
    integer(1, 1_000_000_000),
    60_000,
    'Limits',
    'Reads that one allow-listed service may make in a minute on this instance',
  ),
} as const
