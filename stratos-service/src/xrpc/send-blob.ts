import type { Request, Response } from 'express'
import { isShownInPlace, StratosError, type StoredBytes } from 'stratos-core'
import { ChunkRing } from '../limits/chunk-ring.ts'
import { parseByteRange } from './byte-range.ts'
import { sendChunks } from './send-chunks.ts'

/** One on its way to the reader, one that is withheld until it is known to be right, and the one that is read. */
const CHUNKS_IN_USE = 3

/** Bytes to answer with, which never change under their CID. */
export interface BlobAnswer {
  readonly cid: string
  readonly mimeType: string
  readonly bytes: StoredBytes
}

/**
 * Answers with a blob, or the part of it that was asked for. Nothing in it can act in a browser, and whoever keeps a copy
 * has to ask again before showing it: access may have ended.
 *
 * @throws {StratosError} `RangeNotSatisfiable`, or what reading the first bytes throws; a failure after that leaves an
 *   answer that is cut off
 */
export async function sendBlob(
  req: Request,
  res: Response,
  { cid, mimeType, bytes }: BlobAnswer,
): Promise<void> {
  const etag = `"${cid}"`
  res.setHeader('ETag', etag)
  res.setHeader('Cache-Control', 'private, no-cache')
  res.setHeader('Content-Security-Policy', "default-src 'none'; sandbox")
  res.setHeader('X-Content-Type-Options', 'nosniff')
  // A web app elsewhere shows it in an <img>; whether it may was decided by the credential.
  res.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
  if (matches(req.headers['if-none-match'], etag)) {
    res.status(304).end()
    return
  }
  const wanted = matches(req.get('if-range') ?? etag, etag) ? req.headers.range : undefined
  const range = parseByteRange(wanted, bytes.size)
  if (range === null) {
    res.setHeader('Content-Range', `bytes */${bytes.size}`)
    throw new StratosError('RangeNotSatisfiable', `the blob has ${bytes.size} bytes`)
  }
  const chunks = bytes.read(range, new ChunkRing(CHUNKS_IN_USE))[Symbol.asyncIterator]()
  // Until the first bytes are there, a failure can still be said.
  const first = req.method === 'HEAD' ? null : await chunks.next()
  const { start, end } = range ?? { start: 0, end: bytes.size - 1 }
  if (range !== undefined) res.setHeader('Content-Range', `bytes ${start}-${end}/${bytes.size}`)
  res.setHeader('Accept-Ranges', 'bytes')
  res.setHeader('Content-Type', mimeType)
  res.setHeader('Content-Disposition', isShownInPlace(mimeType) ? 'inline' : `attachment; filename="${cid}"`)
  res.setHeader('Content-Length', end - start + 1)
  res.status(range === undefined ? 200 : 206)
  if (first === null) {
    res.end()
    return
  }
  res.flushHeaders()
  await sendChunks(continued(first, chunks), res)
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done !== true) yield first.value
  yield* { [Symbol.asyncIterator]: () => rest }
}

function matches(header: string | undefined, etag: string): boolean {
  const given = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  return given.includes(etag) || given.includes('*')
}
