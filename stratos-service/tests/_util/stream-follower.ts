import { decodeFirst, type CidLink } from '@atcute/cbor'
import { WebSocket } from 'ws'

export interface Frame {
  readonly header: { readonly op: number; readonly t?: string }
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
  readonly body: any
}

/** Follows a stream over a WebSocket and keeps what it is told, decoded by a library that the service does not use. */
export class StreamFollower {
  readonly frames: Frame[] = []
  readonly socket: WebSocket
  /** Resolves with the HTTP status of a refusal, or the close code. */
  readonly ended: Promise<{ status: number | null; body: string; code: number | null }>
  #changed = Promise.withResolvers<void>()

  constructor(url: string, options: { headers?: Record<string, string>; autoPong?: boolean } = {}) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), options)
    const ended = Promise.withResolvers<Awaited<typeof this.ended>>()
    this.ended = ended.promise
    this.socket.on('message', (data: Buffer) => {
      this.frames.push(readFrame(data))
      this.#wake()
    })
    this.socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        ended.resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString(),
          code: null,
        })
        this.#wake()
      })
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', (code) => {
      ended.resolve({ status: null, body: '', code })
      this.#wake()
    })
  }

  get commits() {
    return this.#bodies('#commit')
  }

  get enrollments() {
    return this.#bodies('#enrollment')
  }

  get infos() {
    return this.#bodies('#info')
  }

  get errors() {
    return this.frames.filter(({ header }) => header.op === -1).map(({ body }) => body.error)
  }

  /** Resolves when the condition holds; looked at after every message. @throws {Error} when the stream ends before */
  async until(what: string, holds: () => boolean, timeoutMs = 20_000): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error(`waited in vain for ${what}`)), timeoutMs)
    try {
      while (!holds()) {
        const over = this.ended.then((how) => {
          if (!holds()) throw new Error(`the stream ended before ${what}: ${JSON.stringify(how)}`)
        })
        await Promise.race([this.#changed.promise, over, late.promise])
      }
    } finally {
      clearTimeout(timer)
    }
  }

  close(): void {
    this.socket.terminate()
  }

  #bodies(kind: string) {
    return this.frames.filter(({ header }) => header.t === kind).map(({ body }) => body)
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

export function readFrame(data: Buffer): Frame {
  const [header, rest] = decodeFirst(data)
  const [body, nothing] = decodeFirst(rest)
  if (nothing.length > 0) throw new Error('there is something after the body of a frame')
  return { header, body }
}

export function cidOf(link: CidLink): string {
  return link.$link
}
