import type { ServerResponse } from 'node:http'

/**
 * Sends chunks and ends the answer. A chunk is done with when the next but one is asked for: the one before is on its way
 * meanwhile.
 *
 * @param chunks ended early if the connection is closed
 * @throws {Error} with the code `ERR_STREAM_PREMATURE_CLOSE` if it is, or what reading throws
 */
export async function sendChunks(chunks: AsyncIterator<Uint8Array>, res: ServerResponse): Promise<void> {
  try {
    let next = await chunks.next()
    while (next.done !== true) {
      const [following] = await Promise.all([chunks.next(), taken(res, next.value)])
      next = following
    }
    res.end()
  } finally {
    await chunks.return?.()
  }
}

/** Resolves when the chunk is with the operating system, and its memory free for something else. */
async function taken(res: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (res.destroyed) throw new PrematureClose()
  await new Promise<void>((resolve, reject) => {
    const onClose = () => reject(new PrematureClose())
    res.once('close', onClose)
    res.write(chunk, (err) => {
      res.off('close', onClose)
      if (err) reject(new PrematureClose({ cause: err }))
      else resolve()
    })
  })
}

class PrematureClose extends Error {
  override name = 'PrematureClose'
  readonly code = 'ERR_STREAM_PREMATURE_CLOSE'

  constructor(options?: ErrorOptions) {
    super('the connection was closed before the answer was complete', options)
  }
}
