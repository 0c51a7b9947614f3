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

  constructor(status: number) {
    super(`the stream was refused with ${status}`)
    this.status = status
  }
}

/** A commit has at most 200 records of 256 KiB. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
const CONNECT_WITHIN_MS = 15_000
/** Services ask every 30 s whether we are there. */
const SILENT_FOR_MS = 100_000

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
    end(new RefusedError(response.statusCode ?? 0))
    socket.terminate()
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
