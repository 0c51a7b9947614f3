import { StratosError, type BlobEntry, type BlobIndex, type RecordBlob } from 'stratos-core'
import type { PreparedWrite } from './prepare-writes.ts'

/** The blobs that a request may change something about, as they are before it. */
export interface AffectedBlobs {
  readonly found: readonly BlobEntry[]
  /** CIDs that records refer to which the request may change or delete. */
  readonly before: readonly string[]
}

/** What the index of blobs is told in the transaction that writes the records. */
export interface ClaimedBlobs {
  readonly used: readonly string[]
  readonly released: readonly string[]
}

export const NO_BLOBS: AffectedBlobs = { found: [], before: [] }

/** Whether writes can change which blobs are referred to. Most posts cannot. */
export function mayTouchBlobs(writes: readonly PreparedWrite[]): boolean {
  return writes.some((write) => write.action !== 'create' || write.blobs.length > 0)
}

export async function findAffectedBlobs(
  blobs: BlobIndex,
  writes: readonly PreparedWrite[],
): Promise<AffectedBlobs> {
  const [found, before] = await Promise.all([
    blobs.findMany([...new Set(blobsIn(writes).map(({ cid }) => cid.toString()))]),
    blobs.listReferencedBy(writes.filter(({ action }) => action !== 'create')),
  ])
  return { found, before }
}

/**
 * Checks that the blobs of records are the author's own, are there, and are what the records say.
 *
 * @throws {StratosError} `BlobNotFound`, or `InvalidRecord` for another type or size
 */
export function claimBlobs(writes: readonly PreparedWrite[], { found, before }: AffectedBlobs): ClaimedBlobs {
  const usable = new Map(found.map((entry) => [entry.cid, entry]))
  const used = new Set<string>()
  for (const blob of blobsIn(writes)) {
    const entry = usable.get(blob.cid.toString())
    if (entry === undefined || entry.doomed || entry.quarantined) {
      throw new StratosError('BlobNotFound', `blob ${blob.cid.toString()} was not uploaded, or is gone again`)
    }
    assertSame(blob, entry)
    used.add(entry.cid)
  }
  return { used: [...used], released: before.filter((cid) => !used.has(cid)) }
}

function assertSame(blob: RecordBlob, entry: BlobEntry): void {
  if (blob.size !== entry.size) {
    throw new StratosError('InvalidRecord', `blob ${entry.cid} has ${entry.size} bytes, not ${blob.size}`)
  }
  if (blob.mimeType !== entry.mimeType) {
    throw new StratosError('InvalidRecord', `blob ${entry.cid} is ${entry.mimeType}, not ${blob.mimeType}`)
  }
}

function blobsIn(writes: readonly PreparedWrite[]): RecordBlob[] {
  return writes.flatMap((write) => (write.action === 'delete' ? [] : write.blobs))
}
