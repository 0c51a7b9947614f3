import type { Request } from 'express'
import { StratosError } from 'stratos-core'

/** What a sender who did not wait for a refusal may still send before the connection is cut. */
const MAX_DISCARDED_BYTES = 32 * 1024 * 1024
const DISCARD_WITHIN_MS = 10_000

/** A body to be read as it comes. */
export interface UploadBody {
  readonly declaredType: string | undefined
  readonly declaredSize: number | undefined
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * Refuses bodies that are not sent as they are: what they would become has no size anybody could check first.
 *
 * @throws {StratosError} `UnsupportedEncoding`
 */
export function assertPlainBody(req: Request): void {
  const encoding = req.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity') {
    throw new StratosError('UnsupportedEncoding', 'send the bytes as they are, without Content-Encoding')
  }
}

export function uploadBodyOf(req: Request): UploadBody {
  const length = Number(req.headers['content-length'] ?? Number.NaN)
  return {
    declaredType: req.headers['content-type'],
    declaredSize: Number.isSafeInteger(length) ? length : undefined,
    bytes: bytesOf(req),
  }
}

async function* bytesOf(req: Request): AsyncGenerator<Uint8Array> {
  try {
    // Stopping early must leave the connection for the answer.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      yield chunk as Uint8Array
    }
  } catch (cause) {
    throw new StratosError('InvalidRequest', 'the body ended before it was complete', { cause })
  }
}

/** Reads on for a while after a refusal, so that the sender gets to read it, and then cuts the connection. */
export function discardBody(req: Request): void {
  if (req.readableEnded || req.destroyed) return
  let left = MAX_DISCARDED_BYTES
  const timer = setTimeout(() => req.destroy(), DISCARD_WITHIN_MS)
  req.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) req.destroy()
  })
  req.resume()
  req.once('close', () => clearTimeout(timer))
  req.once('end', () => clearTimeout(timer))
  req.once('error', () => clearTimeout(timer))
}
