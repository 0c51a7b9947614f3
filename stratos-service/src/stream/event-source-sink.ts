import type { ServerResponse } from 'node:http'
import { HEARTBEAT } from './event-source-encoding.ts'
import type { StreamFailure } from './encoding.ts'
import { HIGH_WATER_BYTES, LOW_WATER_BYTES, type Sink } from './sink.ts'

const CLOSE_WITHIN_MS = 3_000

/** A stream of Server-Sent Events, as the body of an answer that does not end by itself. */
export class EventSourceSink implements Sink {
  readonly #response: ServerResponse
  readonly #encodeFailure: (failure: StreamFailure) => Uint8Array
  #waiting: (() => void) | null = null

  constructor(response: ServerResponse, encodeFailure: (failure: StreamFailure) => Uint8Array) {
    this.#response = response
    this.#encodeFailure = encodeFailure
    response.on('close', () => this.#wake())
    response.on('error', () => undefined)
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // A proxy that gathers would hold events back.
      'X-Accel-Buffering': 'no',
    })
    response.flushHeaders()
  }

  write(frame: Uint8Array): boolean {
    if (this.#response.writable) this.#response.write(frame, this.#sent)
    return this.#response.writableLength < HIGH_WATER_BYTES
  }

  async drained(): Promise<void> {
    if (!this.#response.writable || this.#response.writableLength <= LOW_WATER_BYTES) return
    await new Promise<void>((resolve) => (this.#waiting = resolve))
  }

  fail(failure: StreamFailure): void {
    this.#end(this.#encodeFailure(failure))
  }

  goAway(): void {
    this.#end(HEARTBEAT)
  }

  heartbeat(): void {
    if (this.#response.writable) this.#response.write(HEARTBEAT)
  }

  cutOff(): void {
    this.#response.destroy()
  }

  readonly #sent = (): void => {
    if (this.#waiting !== null && this.#response.writableLength <= LOW_WATER_BYTES) this.#wake()
  }

  #wake(): void {
    this.#waiting?.()
    this.#waiting = null
  }

  #end(last: Uint8Array): void {
    if (!this.#response.writable) return
    this.#response.end(last)
    const timer = setTimeout(() => this.cutOff(), CLOSE_WITHIN_MS)
    this.#response.once('close', () => clearTimeout(timer))
  }
}
