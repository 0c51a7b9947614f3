import type { BlobStore } from 'stratos-core'
import type { BlobSettings } from '../config/blobs.ts'
import type { Logger } from '../logger.ts'
import { DISK_LAYOUT, S3_LAYOUT } from './blob-paths.ts'
import { DiskFiles } from './disk-files.ts'
import { S3Files } from './s3-files.ts'
import { StoredBlobs } from './stored-blobs.ts'

const REPORT_EVERY_MS = 5_000

/** The place that the configuration names. */
export function openBlobStore(
  { directory, s3 }: Pick<BlobSettings, 'directory' | 's3'>,
  logger: Logger,
): BlobStore {
  const report = reporter(logger)
  return s3 === null
    ? new StoredBlobs(new DiskFiles(directory, report), DISK_LAYOUT)
    : new StoredBlobs(new S3Files(s3, report), S3_LAYOUT)
}

/** An outage is told from time to time, not with every request that it spoils. */
function reporter(logger: Logger): (err: unknown) => void {
  let reportedAtMs = 0
  return (err) => {
    if (Date.now() - reportedAtMs < REPORT_EVERY_MS) return
    reportedAtMs = Date.now()
    logger.error({ err }, 'the place of blobs has a problem')
  }
}
