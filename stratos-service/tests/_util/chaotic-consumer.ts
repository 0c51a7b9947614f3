import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { cidOf, readFrame } from './stream-follower.ts'

interface Checkpoint {
  readonly cursor: number
  /** CIDs by `did/collection/rkey`. */
  readonly records: ReadonlyMap<string, string>
  /** Place of the last commit of each repo. */
  readonly places: ReadonlyMap<string, number>
}

const NOTHING: Checkpoint = { cursor: 0, records: new Map(), places: new Map() }
/** What a consumer stores from time to time, in one go with the cursor, is what it has after it was killed. */
const CHECKPOINT_EVERY = 25

/**
 * Rebuilds repos from a stream alone, while it is killed, cut off and slowed down at random. Notes everything that a
 * stream must never do: events out of order, twice within a connection, or missing.
 */
export class ChaoticConsumer {
  readonly complaints: string[] = []
  connections = 0
  #stored: Checkpoint = NOTHING
  #cursor = 0
  #records = new Map<string, string>()
  #places = new Map<string, number>()
  readonly #urlOf: (cursor: number) => Promise<string>
  readonly #random: () => number
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #calm = false

  /** @param urlOf where to go on after a cursor; asked anew for every connection */
  constructor(urlOf: (cursor: number) => Promise<string>, random: () => number) {
    this.#urlOf = urlOf
    this.#random = random
    this.#running = this.#consume()
  }

  get records(): ReadonlyMap<string, string> {
    return this.#records
  }

  /** No more accidents from here on. */
  calmDown(): void {
    this.#calm = true
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #consume(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#connect(await this.#urlOf(this.#cursor))
      } catch {
        // The service may be gone for a moment.
        await delay(300)
      }
    }
  }

  async #connect(url: string): Promise<void> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'))
    const closed = Promise.withResolvers<void>()
    const stop = () => socket.terminate()
    this.#stop.signal.addEventListener('abort', stop, { once: true })
    if (this.#stop.signal.aborted) stop()
    socket.on('open', () => (this.connections += 1))
    socket.on('message', (data: Buffer) => {
      // What arrives after an accident was never read.
      if (socket.readyState !== WebSocket.OPEN) return
      this.#take(data)
      this.#haveAccident(socket)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => closed.resolve())
    await closed.promise
    this.#stop.signal.removeEventListener('abort', stop)
    await delay(100)
  }

  #take(data: Buffer): void {
    const { header, body } = readFrame(data)
    if (header.op !== 1 || header.t === '#info') {
      this.complaints.push(`unexpected ${JSON.stringify(body)}`)
      return
    }
    if (body.seq <= this.#cursor) this.complaints.push(`${body.seq} came after ${this.#cursor}`)
    this.#cursor = body.seq
    if (header.t === '#commit') this.#apply(body)
    if (this.#cursor % CHECKPOINT_EVERY === 0) this.#store()
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as it comes from the wire
  #apply({ did, seq, repoSeq = seq, ops }: any): void {
    const before = this.#places.get(did)
    if (before !== undefined && repoSeq !== before + 1) {
      this.complaints.push(`${did}: ${repoSeq} came after ${before}`)
    }
    this.#places.set(did, repoSeq)
    for (const { action, path, cid } of ops) {
      const key = `${did}/${path}`
      if (action === 'delete') this.#records.delete(key)
      else this.#records.set(key, cidOf(cid))
    }
  }

  #haveAccident(socket: WebSocket): void {
    if (this.#calm) return
    const luck = this.#random()
    if (luck < 0.005) {
      // Killed: whatever was not stored is gone.
      this.#cursor = this.#stored.cursor
      this.#records = new Map(this.#stored.records)
      this.#places = new Map(this.#stored.places)
      socket.terminate()
    } else if (luck < 0.01) socket.terminate()
    else if (luck < 0.02) {
      socket.pause()
      setTimeout(() => socket.resume(), 100 * this.#random())
    }
  }

  #store(): void {
    this.#stored = {
      cursor: this.#cursor,
      records: new Map(this.#records),
      places: new Map(this.#places),
    }
  }
}
