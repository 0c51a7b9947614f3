import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { ChunkRing } from '../limits/chunk-ring.ts'
import { sendChunks } from './send-chunks.ts'

const CHUNK_BYTES = 256 * 1024
const CHUNKS = 100
const closers: (() => void)[] = []
afterEach(() => closers.splice(0).forEach((close) => close()))

async function ask(answer: RequestListener): Promise<IncomingMessage> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const req = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  closers.push(
    () => req.destroy(),
    () => server.close(),
  )
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  return res
}

/** One that is on its way, and the one that is read meanwhile. */
async function* chunksIn(ring: ChunkRing, hash = createHash('sha256')): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < CHUNKS; number += 1) {
    await setImmediate()
    const chunk = ring.take(CHUNK_BYTES).fill(number)
    hash.update(chunk)
    yield chunk
  }
}

describe('Sending chunks from memory that is used again', () => {
  it('sends each as it was, also to a reader who takes his time', async () => {
    const sent = createHash('sha256')
    const res = await ask((_, out) => void sendChunks(chunksIn(new ChunkRing(2), sent), out))
    const received = createHash('sha256')
    for await (const bytes of res) {
      received.update(bytes as Uint8Array)
      await setImmediate()
    }
    expect(received.digest('hex')).toBe(sent.digest('hex'))
  })

  it('ends reading when the reader leaves', async () => {
    const over = Promise.withResolvers<unknown>()
    let isEnded = false
    async function* watched() {
      try {
        yield* chunksIn(new ChunkRing(2))
      } finally {
        isEnded = true
      }
    }
    const res = await ask((_, out) => void sendChunks(watched(), out).then(over.resolve, over.resolve))
    await once(res, 'readable')
    res.destroy()
    expect(await over.promise).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' })
    expect(isEnded).toBe(true)
  })

  it('says what went wrong while reading', async () => {
    const failure = Promise.withResolvers<unknown>()
    async function* broken() {
      yield* [Buffer.alloc(10)]
      throw new Error('the disk is gone')
    }
    const res = await ask((_, out) => {
      out.flushHeaders()
      sendChunks(broken(), out).catch((err: unknown) => {
        failure.resolve(err)
        out.destroy()
      })
    })
    res.on('error', () => undefined)
    expect(await failure.promise).toMatchObject({ message: 'the disk is gone' })
  })
})
