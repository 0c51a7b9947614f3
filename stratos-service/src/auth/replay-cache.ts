import { hash } from 'node:crypto'
import { StratosError, type ReplayStore } from 'stratos-core'

const MAX_ENTRIES = 600_000
const TURN_AT_LEAST_AFTER_MS = 10_000

/** The identifiers of one stretch of time. */
interface Generation {
  readonly startedAtMs: number
  readonly keys: Set<string>
  /** When the last of them expires. */
  expiresAtMs: number
}

/**
 * A replay store in memory, in front of one that all instances share, or alone where there is one instance.
 *
 * Holds two generations of hashed keys. The younger one takes over as soon as nothing in the older one can matter any
 * more, so memory is bounded by twice the life of a key, and by `maxEntries` (about 90 bytes each). In front of a shared
 * store a full memory costs a round trip; alone it refuses, since forgetting would permit a replay.
 *
 * Alone it forgets with the process: use it so only where something else ends the life of a signature at a restart, as
 * a nonce secret made at start does.
 */
export class ReplayCache implements ReplayStore {
  readonly #shared: ReplayStore | null
  readonly #nowMs: () => number
  readonly #maxEntries: number
  #current: Generation
  #previous: Generation

  constructor(options: {
    readonly shared: ReplayStore | null
    readonly nowMs: () => number
    readonly maxEntries?: number
  }) {
    this.#shared = options.shared
    this.#nowMs = options.nowMs
    this.#maxEntries = options.maxEntries ?? MAX_ENTRIES
    this.#current = newGeneration(this.#nowMs())
    this.#previous = newGeneration(this.#nowMs())
  }

  /** @throws {StratosError} `ServiceUnavailable` if it is full and stands alone */
  async use(key: string, expiresAtMs: number): Promise<boolean> {
    this.#turn()
    const hashed = hash('sha256', key, 'binary')
    if (this.#current.keys.has(hashed) || this.#previous.keys.has(hashed)) return false
    if (this.size < this.#maxEntries) {
      this.#current.keys.add(hashed)
      this.#current.expiresAtMs = Math.max(this.#current.expiresAtMs, expiresAtMs)
    } else if (this.#shared === null) {
      throw new StratosError(
        'ServiceUnavailable',
        'too many signed requests at this time; try again in a minute',
      )
    }
    // Marked here first: a second copy of the request is refused while the shared store is being asked.
    return this.#shared === null || (await this.#shared.use(key, expiresAtMs))
  }

  /** How many keys are held. */
  get size(): number {
    return this.#current.keys.size + this.#previous.keys.size
  }

  #turn(): void {
    const nowMs = this.#nowMs()
    if (this.#previous.expiresAtMs > nowMs) return
    // Nothing to drop and a young generation: turning now would only make work.
    const young = nowMs - this.#current.startedAtMs < TURN_AT_LEAST_AFTER_MS
    if (young && this.#previous.keys.size === 0) return
    this.#previous = this.#current.expiresAtMs > nowMs ? this.#current : newGeneration(nowMs)
    this.#current = newGeneration(nowMs)
  }
}

function newGeneration(nowMs: number): Generation {
  return { startedAtMs: nowMs, keys: new Set(), expiresAtMs: 0 }
}
