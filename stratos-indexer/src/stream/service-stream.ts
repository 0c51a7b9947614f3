import type { Config } from '../config.ts'
import type { OwnIdentity } from '../identity/own-identity.ts'
import type { ServiceClient } from '../identity/service-client.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import { closeGap, readAccount, requestResync } from '../snapshot/resync.ts'
import { findCursor, resetCursor, type StreamKey } from '../tables/cursors.ts'
import type { Database } from '../tables/database.ts'
import { Backoff } from './backoff.ts'
import { EventWriter, type Event } from './event-writer.ts'
import { FrameError, parseMessage, type StreamMessage } from './parse-message.ts'
import { readFrames } from './read-frames.ts'

/** What is followed. `did` is empty unless it is one repo. */
export interface Subscription {
  readonly nsid: string
  readonly did: string
}

/** Everything that happens on a service, in one order. */
const EVERYTHING: Subscription = { nsid: 'zone.stratos.sync.subscribeRepos', did: '' }

export interface ServiceStreamParts {
  readonly config: Pick<Config, 'syncToken' | 'batchEvents' | 'maxQueued' | 'reconnect'>
  readonly database: Database
  readonly identity: OwnIdentity
  readonly client: ServiceClient
  readonly logger: Logger
  readonly metrics: Metrics
  readonly signal: AbortSignal
}

/** Raised where the service ends the stream and says why. */
class StreamEndedError extends Error {
  override name = 'StreamEndedError'
}

/**
 * Follows one stream of a service, for as long as the signal lets it: one connection, one order, and a cursor that moves with the
 * rows. What goes wrong is logged, counted, and tried again.
 */
export class ServiceStream {
  readonly #parts: ServiceStreamParts
  readonly #key: StreamKey
  readonly #labels: { readonly service: string }
  #isConnected = false
  /** A gap was closed since the last event: the stream begins after it once more, and that is no new gap. */
  #isGapClosed = false

  constructor(parts: ServiceStreamParts, { nsid, did: repo }: Subscription = EVERYTHING) {
    this.#parts = parts
    const { did } = parts.client.place
    this.#key = { stream: nsid, service: did, did: repo }
    this.#labels = { service: did }
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    const { config, logger, metrics, signal } = this.#parts
    const backoff = new Backoff(config.reconnect, signal)
    while (!signal.aborted) {
      let reason = 'closed'
      try {
        if (this.#key.did === '' && (await closeGap(this.#parts))) this.#isGapClosed = true
        await this.#follow(() => backoff.reset())
      } catch (err) {
        if (signal.aborted) return
        reason = err instanceof Error ? err.name : 'unknown'
        logger.warn({ err, ...this.#labels }, 'the stream of a service ended')
      }
      this.#setConnected(false)
      metrics.add('stratos_indexer_disconnects_total', { ...this.#labels, reason })
      await backoff.wait()
    }
  }

  async #follow(progress: () => void): Promise<void> {
    const { config, database, signal } = this.#parts
    const cursor = await findCursor(database.db, this.#key)
    const writer = new EventWriter(this.#parts, this.#key, cursor)
    const options = { signal, maxQueued: config.maxQueued, onOpen: () => this.#setConnected(true) }
    for await (const frames of readFrames(await this.#url(cursor ?? 0), options)) {
      // Events before a frame that cannot be read count; it and what follows it do not.
      const { messages, failure } = parseAll(frames)
      const events: Event[] = []
      for (const message of messages) {
        if (message.kind === 'commit' || message.kind === 'enrollment') events.push(message)
        else if (message.kind === 'failure') await this.#ended(message.name)
        else if (message.name === 'OutdatedCursor' && !this.#isGapClosed) {
          await this.#gapFound('OutdatedCursor')
          throw new StreamEndedError('events before the oldest one that is kept are missing')
        }
      }
      if (events.length > 0) {
        await writer.write(events)
        this.#isGapClosed = false
        progress()
      }
      if (failure !== null) throw failure
    }
  }

  async #ended(name: string): Promise<never> {
    const { database } = this.#parts
    if (name === 'FutureCursor') {
      // The service has begun anew, perhaps from a backup: nothing that we know of it holds.
      await this.#gapFound(name)
      await resetCursor(database.db, this.#key)
    }
    throw new StreamEndedError(`the service ended the stream: ${name}`)
  }

  async #gapFound(reason: string): Promise<void> {
    const { service, did } = this.#key
    if (did === '') return requestResync(this.#parts.database, service, reason)
    await readAccount(this.#parts, did, null)
    this.#isGapClosed = true
  }

  async #url(cursor: number): Promise<string> {
    const { config, identity, client } = this.#parts
    const { did, url } = client.place
    const syncToken = config.syncToken ?? (await identity.signToken(did, this.#key.stream))
    const query = new URLSearchParams({ cursor: String(cursor), syncToken })
    if (this.#key.did !== '') query.set('did', this.#key.did)
    return `${url.replace(/^http/, 'ws')}/xrpc/${this.#key.stream}?${query.toString()}`
  }

  #setConnected(isConnected: boolean): void {
    const { metrics, logger } = this.#parts
    // Of the many streams of one service, one tells how it is.
    if (this.#key.did !== '') {
      this.#isConnected = isConnected
      return
    }
    if (isConnected && !this.#isConnected) {
      metrics.add('stratos_indexer_connects_total', this.#labels)
      logger.info(this.#labels, 'following a service')
    }
    this.#isConnected = isConnected
    metrics.set('stratos_indexer_connected', this.#labels, isConnected ? 1 : 0)
  }
}

function parseAll(frames: readonly Uint8Array[]): { messages: StreamMessage[]; failure: FrameError | null } {
  const messages: StreamMessage[] = []
  for (const frame of frames) {
    try {
      const message = parseMessage(frame)
      if (message !== null) messages.push(message)
    } catch (err) {
      if (err instanceof FrameError) return { messages, failure: err }
      throw err
    }
  }
  return { messages, failure: null }
}
