import type { BlobStore } from 'stratos-core'
import type { BlobSettings } from '../config/blobs.ts'
import type { Logger } from '../logger.ts'
import { DISK_LAYOUT } from './blob-paths.ts'
import { DiskFiles } from './disk-files.ts'
import { StoredBlobs } from './stored-blobs.ts'

const REPORT_EVERY_MS = 5_000

/** The place that the configuration names. */
export function openBlobStore(
  { directory }: Pick<BlobSettings, 'directory' | 's3'>,
  logger: Logger,
): BlobStore {
  return new StoredBlobs(new DiskFiles(directory, reporter(logger)), DISK_LAYOUT)
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
