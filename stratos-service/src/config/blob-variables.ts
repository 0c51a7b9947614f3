import { optional } from './option.ts'
import { integer, oneOf, text, url } from './readers.ts'

/** The part of the table of variables that is about blobs. */
export const BLOB_VARIABLES = {
  STRATOS_BLOB_STORAGE: optional(
    oneOf('local', 's3'),
    'local',
    'Blobs',
    'Where blobs are: `local`, in the data directory, or `s3`',
  ),
  STRATOS_S3_BUCKET: optional(text, '', 'Blobs', 'Bucket; required with `s3`'),
  STRATOS_S3_REGION: optional(text, 'us-east-1', 'Blobs', 'Its region'),
  STRATOS_S3_ENDPOINT: optional(url, '', 'Blobs', 'URL of an S3-compatible service; unset means AWS'),
  STRATOS_S3_ACCESS_KEY: optional(
    text,
    '',
    'Blobs',
    'Access key; unset means what the AWS SDK finds by itself, such as the role of the machine',
  ),
  STRATOS_S3_SECRET_KEY: optional(text, '', 'Blobs', 'Its secret'),
  STRATOS_S3_ADDRESSING: optional(
    oneOf('auto', 'path', 'host'),
    'auto',
    'Blobs',
    'Whether the bucket is in the path or the host name; `auto` means `path` where there is an endpoint',
  ),
  STRATOS_S3_CHECKSUMS: optional(
    oneOf('when-required', 'when-supported'),
    'when-required',
    'Blobs',
    'When the S3 client adds checksums of its own; not every S3-compatible service takes them',
  ),
  STRATOS_S3_TIMEOUT_MS: optional(
    integer(100, 600_000),
    30_000,
    'Blobs',
    'How long S3 may leave a request without a sign of life; connecting has a tenth of it',
  ),
  STRATOS_BLOB_MAX_BYTES: optional(
    integer(1, 5_000_000_000),
    5 * 1024 * 1024,
    'Blobs',
    'Largest blob that is accepted, in bytes',
  ),
  STRATOS_BLOB_QUOTA_BYTES: optional(
    integer(1, 1_000_000_000_000),
    1024 * 1024 * 1024,
    'Blobs',
    'What all blobs of a user may have together, in bytes',
  ),
  STRATOS_BLOB_TEMP_TTL_MS: optional(
    integer(1_000, 2_592_000_000),
    86_400_000,
    'Blobs',
    'How long an uploaded blob is kept that no record refers to',
  ),
  STRATOS_BLOB_URL_TTL_MS: optional(
    integer(1_000, 3_600_000),
    300_000,
    'Blobs',
    'How long a signed address of a blob works',
  ),
} as const
