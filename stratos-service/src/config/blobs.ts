import { join } from 'node:path'
import type { Env } from './env.ts'

export interface S3Settings {
  readonly bucket: string
  readonly region: string
  /** null means AWS. */
  readonly endpoint: string | null
  /** null means what the SDK finds by itself. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null
  readonly pathStyle: boolean
  readonly checksums: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED'
  readonly timeoutMs: number
}

export interface BlobSettings {
  /** Where blobs are if they are on this machine. */
  readonly directory: string
  /** null means that they are. */
  readonly s3: S3Settings | null
  readonly limits: { readonly maxBytes: number; readonly quotaBytes: number; readonly temporaryMs: number }
  readonly urlTtlMs: number
}

export function readBlobs(env: Env, problems: string[]): BlobSettings {
  return {
    directory: join(env.STRATOS_DATA_DIR, 'blobs'),
    s3: env.STRATOS_BLOB_STORAGE === 's3' ? readS3(env, problems) : null,
    limits: {
      maxBytes: env.STRATOS_BLOB_MAX_BYTES,
      quotaBytes: env.STRATOS_BLOB_QUOTA_BYTES,
      temporaryMs: env.STRATOS_BLOB_TEMP_TTL_MS,
    },
    urlTtlMs: env.STRATOS_BLOB_URL_TTL_MS,
  }
}

/** What leads to the bucket, also where blobs are not kept there (yet). */
export function readS3(env: Env, problems: string[]): S3Settings {
  const { STRATOS_S3_ACCESS_KEY: accessKeyId, STRATOS_S3_SECRET_KEY: secretAccessKey } = env
  if (env.STRATOS_S3_BUCKET === '') problems.push('STRATOS_S3_BUCKET must be set to keep blobs in S3')
  if ((accessKeyId === '') !== (secretAccessKey === '')) {
    problems.push('STRATOS_S3_ACCESS_KEY and STRATOS_S3_SECRET_KEY belong together')
  }
  const endpoint = env.STRATOS_S3_ENDPOINT === '' ? null : env.STRATOS_S3_ENDPOINT
  const addressing = env.STRATOS_S3_ADDRESSING
  return {
    bucket: env.STRATOS_S3_BUCKET,
    region: env.STRATOS_S3_REGION,
    endpoint,
    credentials: accessKeyId === '' ? null : { accessKeyId, secretAccessKey },
    pathStyle: addressing === 'path' || (addressing === 'auto' && endpoint !== null),
    checksums: env.STRATOS_S3_CHECKSUMS === 'when-supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    timeoutMs: env.STRATOS_S3_TIMEOUT_MS,
  }
}
