import { RateLimitedError, StratosError } from 'stratos-core'
import type { AccessChange } from '../auth/access-changes.ts'
import type { Logger } from '../logger.ts'
import { deliver, StreamEnd, type Delivery } from './deliver.ts'
import type { StreamFailure } from './encoding.ts'
import type { LiveFeeds } from './live-feeds.ts'

/** Who follows, and what has to stay true for them to go on. */
export interface Follower {
  /** Who is limited, such as a DID. */
  readonly principal: string
  readonly address: string
  /** @returns why the stream has to end, or null */
  readonly recheck: () => Promise<StreamFailure | null>
  /** Whether a change of access is about this follower. */
  readonly concerns: (change: AccessChange) => boolean
}

export interface StreamLimits {
  readonly perPrincipal: number
  readonly perAddress: number
  readonly heartbeatMs: number
  readonly recheckMs: number
  /** How long a follower may take to make room. */
  readonly patienceMs: number
}

interface OpenStream {
  readonly follower: Follower
  readonly sink: Delivery['sink']
  readonly ended: AbortController
}

const RETRY_AFTER_MS = 10_000
/** How many streams are looked at together. */
const RECHECK_AT_ONCE = 50

/** All streams of this instance: how many there may be, whether they may go on, and how they end. */
export class OpenStreams {
  readonly #limits: StreamLimits
  readonly #live: LiveFeeds
  readonly #logger: Logger
  readonly #streams = new Set<OpenStream>()
  readonly #counts = new Map<string, number>()
  readonly #timers: NodeJS.Timeout[]
  #closing = false

  constructor(options: { limits: StreamLimits; live: LiveFeeds; logger: Logger }) {
    const { limits } = options
    this.#limits = limits
    this.#live = options.live
    this.#logger = options.logger
    this.#timers = [
      setInterval(() => this.#heartbeat(), limits.heartbeatMs),
      setInterval(() => void this.#recheck([...this.#streams]), limits.recheckMs),
    ]
    for (const timer of this.#timers) timer.unref()
  }

  get size(): number {
    return this.#streams.size
  }

  /**
   * Takes a place for a stream that is about to be opened.
   *
   * @returns gives the place back; may be called more than once
   * @throws {StratosError} `RateLimitExceeded` when the principal or the address has too many, `ServiceUnavailable` when
   *   the service is stopping
   */
  reserve({ principal, address }: Pick<Follower, 'principal' | 'address'>): () => void {
    if (this.#closing) throw new StratosError('ServiceUnavailable', 'the service is stopping')
    const counted: [string, number][] = [
      [`principal ${principal}`, this.#limits.perPrincipal],
      [`address ${address}`, this.#limits.perAddress],
    ]
    for (const [key, max] of counted) {
      if ((this.#counts.get(key) ?? 0) >= max) throw new RateLimitedError(RETRY_AFTER_MS)
    }
    for (const [key] of counted) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      for (const [key] of counted) {
        const left = (this.#counts.get(key) ?? 1) - 1
        if (left === 0) this.#counts.delete(key)
        else this.#counts.set(key, left)
      }
    }
  }

  /** Sends a feed until the follower goes, may not follow any more, or the service stops. Does not throw. */
  async run(
    follower: Follower,
    delivery: Omit<Delivery, 'signal' | 'patienceMs'>,
    gone: AbortSignal,
  ): Promise<void> {
    const stream: OpenStream = {
      follower,
      sink: delivery.sink,
      ended: new AbortController(),
    }
    const onGone = () => stream.ended.abort()
    gone.addEventListener('abort', onGone, { once: true })
    if (gone.aborted) return
    this.#streams.add(stream)
    try {
      // A change that came between the guard and this is not missed.
      if (this.#closing) this.#dismiss(stream)
      else await this.#recheckOne(stream)
      const { signal } = stream.ended
      if (!signal.aborted) {
        await deliver(this.#live, { ...delivery, signal, patienceMs: this.#limits.patienceMs })
      }
    } catch (err) {
      this.#fail(stream, this.#failureOf(err))
    } finally {
      this.#streams.delete(stream)
      gone.removeEventListener('abort', onGone)
    }
  }

  /** Looks at once at those whom a change may concern. */
  accessChanged(change: AccessChange): void {
    const concerned = [...this.#streams].filter(({ follower }) => follower.concerns(change))
    if (concerned.length > 0) void this.#recheck(concerned)
  }

  /** Ends all streams, and lets nobody open another one. */
  close(): void {
    this.#closing = true
    for (const timer of this.#timers) clearInterval(timer)
    for (const stream of this.#streams) this.#dismiss(stream)
  }

  #dismiss(stream: OpenStream): void {
    stream.ended.abort()
    stream.sink.goAway()
  }

  #fail({ ended, sink }: OpenStream, failure: StreamFailure): void {
    // Whoever ended it before has said why.
    if (ended.signal.aborted) return
    ended.abort()
    sink.fail(failure)
  }

  #failureOf(err: unknown): StreamFailure {
    if (err instanceof StreamEnd) return err.failure
    if (err instanceof StratosError && (err.code === 'NotFound' || err.code === 'ServiceUnavailable')) {
      return { name: err.code, message: err.message }
    }
    this.#logger.error({ err }, 'a stream ended')
    return { name: 'InternalServerError', message: 'Internal Server Error' }
  }

  #heartbeat(): void {
    for (const { sink } of this.#streams) sink.heartbeat()
  }

  async #recheck(streams: readonly OpenStream[]): Promise<void> {
    for (let start = 0; start < streams.length; start += RECHECK_AT_ONCE) {
      await Promise.all(
        streams.slice(start, start + RECHECK_AT_ONCE).map((stream) => this.#recheckOne(stream)),
      )
    }
  }

  /** When it cannot be found out, the stream ends: in doubt, nobody sees anything. */
  async #recheckOne(stream: OpenStream): Promise<void> {
    try {
      const failure = await stream.follower.recheck()
      if (failure !== null) this.#fail(stream, failure)
    } catch (err) {
      this.#logger.warn({ err }, 'the access of a follower could not be checked')
      this.#fail(stream, { name: 'ServiceUnavailable', message: 'try again later' })
    }
  }
}
