import { createHash } from 'node:crypto'
import { parseCid } from 'stratos-core'
import { Semaphore } from '../limits/semaphore.ts'
import { parsePath, type BlobLayout } from './blob-paths.ts'
import type { ByteFiles } from './byte-files.ts'

/** Files under way at a time. */
const AT_ONCE = 8

/** Files, and where blobs are among them. */
export interface BlobPlace {
  readonly files: ByteFiles
  readonly layout: BlobLayout
}

export interface CopyProgress {
  /** Of blobs that are in the other place now, however they got there. */
  readonly blobs: number
  readonly bytes: number
  /** Of `blobs`, those that were there already. */
  readonly present: number
  /** Paths of those whose bytes are not what their CID says. They were left where they are. */
  readonly damaged: readonly string[]
}

/**
 * Copies all blobs from one place to another: permanent ones, temporary ones and those in quarantine. May be repeated, and
 * then goes on where it was interrupted. Nobody may write to either place meanwhile.
 *
 * A blob is in the other place when it was read back from there and has the hash of the original, which for all but
 * temporary ones is that of its CID.
 *
 * @param options.removeOriginals whether a blob that is in the other place is deleted from the first
 * @param options.report called after each blob
 * @throws {StratosError} `ServiceUnavailable` or `InsufficientStorage` when a place fails; the rest is still to be done
 */
export async function copyBlobs(
  source: BlobPlace,
  target: BlobPlace,
  options: { readonly removeOriginals: boolean; readonly report: (progress: CopyProgress) => void },
): Promise<CopyProgress> {
  const damaged: string[] = []
  let [blobs, bytes, present] = [0, 0, 0]
  const progress = (): CopyProgress => ({ blobs, bytes, present, damaged })
  const work = new Set<Promise<void>>()
  const failures: unknown[] = []
  const gate = new Semaphore(AT_ONCE)

  for (const area of ['permanent', 'quarantine', 'temporary'] as const) {
    for await (const { path } of source.files.list(source.layout[area])) {
      const named = parsePath(source.layout[area], path)
      if (named === null) continue
      const to = moved(path, source.layout[area], target.layout[area])
      const copy = gate.run(async () => {
        const copied = await copyOne(source.files, target.files, {
          ...{ from: path, to },
          digest: area === 'temporary' ? null : digestOf(named.name),
        })
        if (copied === null) damaged.push(path)
        else {
          if (options.removeOriginals) await source.files.remove(path)
          blobs += 1
          bytes += copied.bytes
          if (copied.wasPresent) present += 1
        }
        options.report(progress())
      })
      const ended = copy.catch((err: unknown) => void failures.push(err)).finally(() => work.delete(ended))
      work.add(ended)
      // No further ahead than there is work under way.
      if (work.size >= AT_ONCE * 2) await Promise.race(work)
      if (failures.length > 0) break
    }
    await Promise.all(work)
    if (failures.length > 0) throw failures[0]
  }
  return progress()
}

/** @returns null if the original is not what it should be */
async function copyOne(
  source: ByteFiles,
  target: ByteFiles,
  { from, to, digest }: { from: string; to: string; digest: string | null },
): Promise<{ readonly bytes: number; readonly wasPresent: boolean } | null> {
  const original = await source.open(from)
  if (original === null) return null
  const bytes = original.size
  const expected = digest ?? (await hashOf(original.read()))
  if ((await hashAt(target, to)) === expected) return { bytes, wasPresent: true }
  // What an interrupted run has left there is not whole.
  await target.remove(to)
  const hash = createHash('sha256')
  await target.write(to, hashed(original.read(), hash))
  if (hash.digest('hex') === expected && (await hashAt(target, to)) === expected) {
    return { bytes, wasPresent: false }
  }
  await target.remove(to)
  return null
}

async function hashAt(files: ByteFiles, path: string): Promise<string | null> {
  const found = await files.open(path)
  return found === null ? null : hashOf(found.read())
}

async function hashOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

function digestOf(cid: string): string {
  return Buffer.from(parseCid(cid).multihash.digest).toString('hex')
}

/** The same folder and name in another area. */
function moved(path: string, from: string, to: string): string {
  const below = from === '' ? path : path.slice(from.length + 1)
  return to === '' ? below : `${to}/${below}`
}
