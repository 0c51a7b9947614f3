import type { Config } from '../config.ts'
import type { OwnIdentity } from '../identity/own-identity.ts'
import type { ServiceClient } from '../identity/service-client.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import { closeGap, requestResync } from '../snapshot/resync.ts'
import { findCursor, resetCursor, type StreamKey } from '../tables/cursors.ts'
import type { Database } from '../tables/database.ts'
import { Backoff } from './backoff.ts'
import { EventWriter, type Event } from './event-writer.ts'
import { FrameError, parseMessage, type StreamMessage } from './parse-message.ts'
import { readFrames } from './read-frames.ts'

const STREAM = 'zone.stratos.sync.subscribeRepos'

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
 * Follows everything that happens on one service, for as long as the signal lets it: one connection, one order, and a cursor
 * that moves with the rows. What goes wrong is logged, counted, and tried again.
 */
export class ServiceStream {
  readonly #parts: ServiceStreamParts
  readonly #key: StreamKey
  readonly #labels: { readonly service: string }
  #isConnected = false
  /** A gap was closed since the last event: the stream begins after it once more, and that is no new gap. */
  #isGapClosed = false

  constructor(parts: ServiceStreamParts) {
    this.#parts = parts
    const { did } = parts.client.place
    this.#key = { stream: STREAM, service: did, did: '' }
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
        if (await closeGap(this.#parts)) this.#isGapClosed = true
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
          await requestResync(database, this.#labels.service, 'OutdatedCursor')
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
      await requestResync(database, this.#labels.service, name)
      await resetCursor(database.db, this.#key)
    }
    throw new StreamEndedError(`the service ended the stream: ${name}`)
  }

  async #url(cursor: number): Promise<string> {
    const { config, identity, client } = this.#parts
    const { did, url } = client.place
    const syncToken = config.syncToken ?? (await identity.signToken(did, STREAM))
    const query = new URLSearchParams({ cursor: String(cursor), syncToken })
    return `${url.replace(/^http/, 'ws')}/xrpc/${STREAM}?${query.toString()}`
  }

  #setConnected(isConnected: boolean): void {
    const { metrics, logger } = this.#parts
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
