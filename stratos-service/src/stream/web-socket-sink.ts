import type { WebSocket } from 'ws'
import type { StreamFailure } from './encoding.ts'
import { HIGH_WATER_BYTES, LOW_WATER_BYTES, type Sink } from './sink.ts'

/** Close codes of RFC 6455, as streams use them. */
export const CLOSE = { goingAway: 1001, unsupportedData: 1003, policy: 1008 } as const

/** How long the other end may take to answer a close. */
const CLOSE_WITHIN_MS = 3_000

/** A stream over a WebSocket, one frame per binary message. */
export class WebSocketSink implements Sink {
  readonly #socket: WebSocket
  readonly #encodeFailure: (failure: StreamFailure) => Uint8Array
  #answered = true
  #waiting: (() => void) | null = null

  constructor(socket: WebSocket, encodeFailure: (failure: StreamFailure) => Uint8Array) {
    this.#socket = socket
    this.#encodeFailure = encodeFailure
    socket.on('pong', () => (this.#answered = true))
    socket.on('message', () => this.#close(CLOSE.unsupportedData, 'this stream takes no messages'))
    socket.on('close', () => this.#wake())
    // A connection that breaks is closed as well.
    socket.on('error', () => undefined)
  }

  write(frame: Uint8Array): boolean {
    this.#socket.send(frame, this.#sent)
    return this.#socket.bufferedAmount < HIGH_WATER_BYTES
  }

  async drained(): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount <= LOW_WATER_BYTES) return
    await new Promise<void>((resolve) => (this.#waiting = resolve))
  }

  fail(failure: StreamFailure): void {
    this.#socket.send(this.#encodeFailure(failure))
    this.#close(CLOSE.policy, failure.name)
  }

  goAway(): void {
    this.#close(CLOSE.goingAway, 'the service stops')
  }

  heartbeat(): void {
    if (!this.#answered) return this.cutOff()
    this.#answered = false
    this.#socket.ping()
  }

  cutOff(): void {
    this.#socket.terminate()
  }

  readonly #sent = (): void => {
    if (this.#waiting !== null && this.#socket.bufferedAmount <= LOW_WATER_BYTES) this.#wake()
  }

  #wake(): void {
    this.#waiting?.()
    this.#waiting = null
  }

  #close(code: number, reason: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.close(code, reason)
    const timer = setTimeout(() => this.cutOff(), CLOSE_WITHIN_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }
}
