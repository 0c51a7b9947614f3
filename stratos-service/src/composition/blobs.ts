import { hkdfSync, randomBytes } from 'node:crypto'
import type { BlobStore, WriteRateLimiter } from 'stratos-core'
import { openBlobStore } from '../blobs/open-blob-store.ts'
import type { Config } from '../config/config.ts'
import { MarkedActors } from '../limits/marked-actors.ts'
import type { Logger } from '../logger.ts'
import { BlobKeeper } from '../operations/blob-keeper.ts'
import { BlobTakedowns } from '../operations/blob-takedowns.ts'
import { BlobUrls } from '../operations/blob-urls.ts'
import { ReadBlobs } from '../operations/read-blobs.ts'
import { UploadBlobs } from '../operations/upload-blobs.ts'
import type { Storage } from '../stores/open-storage.ts'

const HEALTH_FRESH_MS = 5_000

/** Everything that has to do with blobs. */
export function composeBlobs(
  { blobs: settings, service, storage: { backend } }: Pick<Config, 'blobs' | 'service' | 'storage'>,
  parts: {
    storage: Storage
    rate: WriteRateLimiter
    logger: Logger
    nowMs: () => number
  },
) {
  const { storage, rate, logger, nowMs } = parts
  const { actors, blobBacklog, memberships, sharedLock, audit } = storage
  const { limits, urlTtlMs } = settings
  const store = openBlobStore(settings, logger)
  const keeper = new BlobKeeper({
    actors,
    store,
    marks: new MarkedActors(blobBacklog, nowMs),
    lock: sharedLock,
    temporaryMs: limits.temporaryMs,
    alone: backend === 'sqlite',
    logger,
    nowMs,
  })
  const reads = new ReadBlobs({ actors, store, serviceBoundaries: service.boundaries })
  // Where this process is the only one, addresses end with it.
  const secret = storage.nonceSecret ?? randomBytes(32)
  const urlKey = new Uint8Array(hkdfSync('sha256', secret, '', 'stratos signed blob addresses', 32))
  return {
    keeper,
    check: cachedCheck(store, nowMs),
    routes: {
      uploads: new UploadBlobs({ actors, store, keeper, rate, limits, logger, nowMs }),
      reads,
      urls: new BlobUrls({ blobs: reads, memberships, key: urlKey, ttlMs: urlTtlMs, nowMs }),
      takedowns: new BlobTakedowns({ actors, keeper, audit, nowMs }),
      publicUrl: service.publicUrl,
    },
  }
}

/** Anybody may ask how the service is; the place of blobs is not asked each time. */
function cachedCheck(store: Pick<BlobStore, 'check'>, nowMs: () => number): () => Promise<'ok' | 'failed'> {
  let known: { readonly state: Promise<'ok' | 'failed'>; readonly untilMs: number } | undefined
  return async () => {
    if (known === undefined || known.untilMs <= nowMs()) {
      known = { state: store.check(), untilMs: nowMs() + HEALTH_FRESH_MS }
    }
    return known.state
  }
}
