import { once } from 'node:events'
import { WebSocket } from 'ws'

/** Sockets that count what they receive, and note when a text first appears in a message. */
export class Subscribers {
  readonly #sockets: WebSocket[] = []
  /** When each mark was received, in milliseconds, once for each socket. */
  readonly receivedAt = new Map<string, number[]>()
  messages = 0
  #onMessage: () => void = () => undefined

  static async open(url: string, count: number, marks: RegExp | null = null): Promise<Subscribers> {
    const all = new Subscribers()
    // Not all at once: the backlog of a listening socket is short.
    for (let opened = 0; opened < count; opened += 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, count - opened) }, async () => {
          const socket = new WebSocket(url, { perMessageDeflate: false })
          socket.on('message', (bytes: Buffer) => all.#receive(bytes, marks))
          all.#sockets.push(socket)
          await once(socket, 'open')
        }),
      )
    }
    return all
  }

  async received(messages: number): Promise<void> {
    while (this.messages < messages) await new Promise<void>((resolve) => (this.#onMessage = resolve))
  }

  pause(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate()
  }

  #receive(bytes: Buffer, marks: RegExp | null): void {
    this.messages += 1
    this.#onMessage()
    const mark = marks?.exec(bytes.toString('latin1'))?.[0]
    if (mark === undefined) return
    const times = this.receivedAt.get(mark) ?? []
    times.push(performance.now())
    this.receivedAt.set(mark, times)
  }
}
