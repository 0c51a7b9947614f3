import { parseDid, type Did } from 'stratos-core'

/** Longer than any enrollment takes from the session that it begins with to the job that is written down. */
const LOOK_EVERY_MS = 10 * 60_000

/** A session with a PDS that no enrollment and no life cycle needs. */
export interface Orphan {
  readonly did: string
  /** Differs for every content of the session. */
  readonly mark: string
}

export interface OrphanedSessionsParts {
  readonly sessions: { listOrphans(did?: string): Promise<readonly Orphan[]> }
  /** Ends the session at its server as far as that can be reached, and forgets it in any case. */
  readonly revoke: (did: Did) => Promise<void>
  /** Shared with the life cycles. */
  readonly lock: { run<T>(key: string, work: () => Promise<T>): Promise<T> }
  readonly onError: (err: unknown) => void
}

/**
 * Ends sessions with PDSes that a crash has left behind between a sign-in and what was to follow: the service would hold
 * tokens of somebody whom it does not keep. One that is found twice, unchanged, belongs to nobody who is still at it.
 */
export class OrphanedSessions {
  readonly #parts: OrphanedSessionsParts
  #seen = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(parts: OrphanedSessionsParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.look().catch((err: unknown) => this.#parts.onError(err))
    }, LOOK_EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** Ends what was there at the last look too, and remembers what is there now. */
  async look(): Promise<void> {
    const seen = new Map<string, string>()
    for (const { did, mark } of await this.#parts.sessions.listOrphans()) {
      if (this.#seen.get(did) === mark) await this.#end(parseDid(did), mark)
      else seen.set(did, mark)
    }
    this.#seen = seen
  }

  async #end(did: Did, mark: string): Promise<void> {
    const { sessions, lock, revoke } = this.#parts
    await lock.run(`life-cycle:${did}`, async () => {
      const [orphan] = await sessions.listOrphans(did)
      if (orphan?.mark === mark) await revoke(did)
    })
  }
}
