import type { BacklogStore, Did } from 'stratos-core'

const IDLE_MS = 60_000

interface Mark {
  /** When this instance last put the actor into the backlog, ... */
  readonly addedAtMs: number
  /** ... and when it last said that there may be work. */
  readonly saidAtMs: number
}

/**
 * Which actors may have work waiting in their own databases, noted down durably before that work is. Several instances may
 * share the backlog; each removes actors that it finds idle, and each puts back those that it goes on to work for.
 */
export class MarkedActors {
  readonly #backlog: BacklogStore
  readonly #nowMs: () => number
  readonly #marked = new Map<Did, Mark>()

  constructor(backlog: BacklogStore, nowMs: () => number) {
    this.#backlog = backlog
    this.#nowMs = nowMs
  }

  /** All that are marked, by whatever instance and run. */
  async list(): Promise<Did[]> {
    return this.#backlog.list()
  }

  /** Repeated now and then, as another instance may find the actor idle. */
  async mark(did: Did): Promise<void> {
    const nowMs = this.#nowMs()
    const addedAtMs = this.#marked.get(did)?.addedAtMs
    const isFresh = addedAtMs !== undefined && nowMs - addedAtMs < IDLE_MS / 2
    if (!isFresh) await this.#backlog.add(did)
    this.#marked.set(did, { addedAtMs: isFresh ? addedAtMs : nowMs, saidAtMs: nowMs })
  }

  /**
   * To be called when nothing waits. A busy actor stays marked, so that not every piece of work begins with a note.
   *
   * @param lastWorkAtMs when some instance last made work for the actor, as far as its database tells
   * @returns when to call again, in milliseconds since the epoch; null when the mark is gone
   */
  async unmarkWhenIdle(did: Did, lastWorkAtMs: number): Promise<number | null> {
    const idleSinceMs = Math.max(lastWorkAtMs, this.#marked.get(did)?.saidAtMs ?? 0)
    // Every instance that has written since has marked the actor since, or will with its next write.
    if (this.#nowMs() - idleSinceMs < IDLE_MS) return idleSinceMs + IDLE_MS
    await this.drop(did)
    return null
  }

  /** Takes the mark away, whatever waits. */
  async drop(did: Did): Promise<void> {
    // Forget first: work that comes now marks the actor again, before or after the removal.
    this.#marked.delete(did)
    await this.#backlog.remove(did)
    if (this.#marked.has(did)) await this.#backlog.add(did)
  }

  /** Leaves the mark to those who look for it, and does not remember it. */
  forget(did: Did): void {
    this.#marked.delete(did)
  }
}
