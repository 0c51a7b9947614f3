import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'

export interface FrameOptions {
  readonly signal: AbortSignal
  /** So many frames wait at most; then the sender does. */
  readonly maxQueued: number
  readonly onOpen: () => void
}

/** Raised when the other end refuses the connection. */
export class RefusedError extends Error {
  override name = 'RefusedError'
  readonly status: number

  /** @param reason what the other end says about it; may be empty */
  constructor(status: number, reason: string) {
    super(`the stream was refused with ${status}${reason === '' ? '' : `, ${reason}`}`)
    this.status = status
  }
}

/** A commit has at most 200 records of 256 KiB. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
const CONNECT_WITHIN_MS = 15_000
/** Services ask every 30 s whether we are there. */
const SILENT_FOR_MS = 100_000
const MAX_REASON_BYTES = 4096
const MAX_REASON_LENGTH = 300
const REASON_WITHIN_MS = 5_000

/**
 * Yields the frames of a stream, all that have come at a time, until the other end closes it or the signal aborts. Who reads
 * slowly makes the sender wait: nothing is dropped.
 *
 * @throws {RefusedError} or whatever ends the connection
 */
export async function* readFrames(url: string, options: FrameOptions): AsyncGenerator<Uint8Array[]> {
  const { signal, maxQueued, onOpen } = options
  const socket = new WebSocket(url, {
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: CONNECT_WITHIN_MS,
    followRedirects: false,
    perMessageDeflate: false,
  })
  let queue: Uint8Array[] = []
  let queuedBytes = 0
  let ended: { readonly error: Error | null } | null = null
  let wake: (() => void) | null = null
  const end = (error: Error | null): void => {
    ended ??= { error }
    wake?.()
  }
  let silence = setTimeout(() => socket.terminate(), SILENT_FOR_MS)
  const heard = (): void => {
    clearTimeout(silence)
    silence = setTimeout(() => socket.terminate(), SILENT_FOR_MS)
  }
  socket.on('open', onOpen)
  socket.on('ping', heard)
  socket.on('unexpected-response', (_request, response) => {
    void readReason(response).then((reason) => {
      end(new RefusedError(response.statusCode ?? 0, reason))
      socket.terminate()
    })
  })
  socket.on('error', end)
  socket.on('close', () => end(null))
  socket.on('message', (received, isBinary) => {
    heard()
    if (!isBinary || !(received instanceof Buffer)) return end(new Error('a frame is text'))
    queue.push(received)
    queuedBytes += received.byteLength
    if (queue.length >= maxQueued || queuedBytes >= MAX_QUEUED_BYTES) socket.pause()
    wake?.()
  })
  const onAbort = (): void => end(null)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    for (;;) {
      if (signal.aborted) return
      if (queue.length > 0) {
        const frames = queue
        queue = []
        queuedBytes = 0
        yield frames
        // What it takes to use them is no silence of the other end.
        heard()
        if (socket.isPaused) socket.resume()
        continue
      }
      const how = ended as { readonly error: Error | null } | null
      if (how?.error != null) throw how.error
      if (how !== null) return
      await new Promise<void>((resolve) => (wake = resolve))
      wake = null
    }
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', onAbort)
    socket.terminate()
  }
}

/** What a refusal says in the form of XRPC, in one line; empty for what has another form or does not come soon. */
async function readReason(response: IncomingMessage): Promise<string> {
  const impatience = setTimeout(() => response.destroy(), REASON_WITHIN_MS)
  try {
    let text = ''
    for await (const chunk of response) {
      text += String(chunk)
      if (text.length > MAX_REASON_BYTES) return ''
    }
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown }
    return [error, message]
      .filter((part) => typeof part === 'string')
      .join(': ')
      .slice(0, MAX_REASON_LENGTH)
  } catch (err) {
    // The status is said in any case.
    if (err instanceof Error) return ''
    throw err
  } finally {
    clearTimeout(impatience)
  }
}
