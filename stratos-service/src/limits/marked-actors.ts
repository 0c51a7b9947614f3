import type { BacklogStore, Did } from 'stratos-core'

const IDLE_MS = 60_000

/** Which actors may have work waiting in their own databases, noted down durably before that work is. */
export class MarkedActors {
  readonly #backlog: BacklogStore
  readonly #nowMs: () => number
  /** Actors in the backlog, as far as this instance put them there. */
  readonly #marked = new Map<Did, { idleSinceMs: number }>()

  constructor(backlog: BacklogStore, nowMs: () => number) {
    this.#backlog = backlog
    this.#nowMs = nowMs
  }

  /** What an earlier run left behind. */
  async load(): Promise<Did[]> {
    const dids = await this.#backlog.list()
    for (const did of dids) this.#marked.set(did, { idleSinceMs: this.#nowMs() })
    return dids
  }

  async mark(did: Did): Promise<void> {
    if (!this.#marked.has(did)) await this.#backlog.add(did)
    this.#marked.set(did, { idleSinceMs: this.#nowMs() })
  }

  /**
   * To be called when nothing waits. A busy actor stays marked, so that not every piece of work begins with a note.
   *
   * @returns when to call again, in milliseconds since the epoch; null when the mark is gone
   */
  async unmarkWhenIdle(did: Did): Promise<number | null> {
    const idleSinceMs = this.#marked.get(did)?.idleSinceMs ?? 0
    if (this.#nowMs() - idleSinceMs < IDLE_MS) return idleSinceMs + IDLE_MS
    // Forget first: work that comes now marks the actor again, before or after the removal.
    this.#marked.delete(did)
    await this.#backlog.remove(did)
    if (this.#marked.has(did)) await this.#backlog.add(did)
    return null
  }
}
