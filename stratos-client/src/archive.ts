/** Taking a repo along: the whole of it as one CAR file, out of one service and into another. */
import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { send, type StratosAccess } from './call.ts'
import { StratosClientError } from './errors.ts'

const MAX_ANSWER_BYTES = 8 * 1024 * 1024

export interface ExportOptions {
  /** A revision the caller has; what was there then is left out. */
  since?: string
  /** Called after each piece with the bytes so far. How many there will be is not known before the end. */
  onProgress?: (bytes: number) => void
  signal?: AbortSignal
}

export interface ImportOptions {
  /** Boundaries of the service the export is from, and those of this service that take their place. */
  boundaries?: Readonly<Record<string, string>>
  /** What to do with records that are not accepted here: import nothing (default), or leave them out. */
  onForeign?: 'refuse' | 'skip'
  /** DID of the service the export is from; its signature is then checked. */
  source?: string
  /** `sending` before the file goes out, `done` once the service has taken it. */
  onProgress?: (step: { phase: 'sending' | 'done'; bytes: number }) => void
  signal?: AbortSignal
}

export interface ImportResult {
  imported: number
  /** The first 1,000 of those that were left out. */
  skipped: { uri: string; reason: string }[]
  skippedCount: number
}

/**
 * Exports a private repo, for its owner and allow-listed services.
 *
 * @returns a CAR file of the newest commit, its tree and its records; blobs are not in it
 * @throws {StratosServiceError} `RepoNotFound`, `Forbidden`, and as {@link callStratos}
 */
export async function exportRepo(
  access: StratosAccess,
  did: string,
  { since, onProgress, signal }: ExportOptions = {},
): Promise<Blob> {
  const response = await send(access, 'zone.stratos.sync.getRepo', {
    params: { did, since },
    method: 'GET',
    signal,
  })
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true }
    if (done || value === undefined) break
    chunks.push(value)
    bytes += value.byteLength
    onProgress?.(bytes)
  }
  return new Blob(chunks, { type: 'application/vnd.ipld.car' })
}

/**
 * Imports an export into the user's repo, which must be empty. All of it is imported, or nothing.
 *
 * @param car an export of the same account; a `Blob` is not read into memory
 * @throws {StratosServiceError} `InvalidCar`, `RepoAlreadyExists`, the refusal of a write, and as {@link callStratos}
 */
export async function importRepo(
  access: StratosAccess,
  car: Blob,
  { boundaries = {}, onForeign, source, onProgress, signal }: ImportOptions = {},
): Promise<ImportResult> {
  const map = Object.entries(boundaries).map(([from, to]) => `${from}=${to}`)
  onProgress?.({ phase: 'sending', bytes: car.size })
  const response = await send(access, 'zone.stratos.repo.importRepo', {
    params: { map, onForeign, source },
    method: 'POST',
    headers: { 'content-type': 'application/vnd.ipld.car' },
    body: car,
    signal,
  })
  const body = await readJsonObject(response, MAX_ANSWER_BYTES)
  const { imported, skipped, skippedCount } = body ?? {}
  if (typeof imported !== 'number' || !Array.isArray(skipped) || typeof skippedCount !== 'number') {
    throw new StratosClientError('ServiceUnreachable', 'the answer to importRepo is not what it should be')
  }
  onProgress?.({ phase: 'done', bytes: car.size })
  const reasons = skipped
    .filter(isJsonObject)
    .map(({ uri, reason }) => ({ uri: String(uri), reason: String(reason) }))
  return { imported, skipped: reasons, skippedCount }
}
