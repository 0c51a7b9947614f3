import type { Did, Snapshot } from 'stratos-core'

/** The snapshots that are open, so that they end with what they show. */
export class OpenSnapshots {
  readonly #open = new Map<Did, Set<() => Promise<void>>>()

  /** @param end called once: when the snapshot is closed by its reader, or from here */
  add(did: Did, stores: Snapshot['stores'], end: () => Promise<void>): Snapshot {
    let ended: Promise<void> | null = null
    const close = () => {
      this.#forget(did, close)
      ended ??= end()
      return ended
    }
    const ofActor = this.#open.get(did) ?? new Set()
    this.#open.set(did, ofActor.add(close))
    return { stores, close }
  }

  has(did: Did): boolean {
    return this.#open.has(did)
  }

  /** Ends those of one actor: whoever goes on reading gets an error. */
  async closeAll(did: Did): Promise<void> {
    await Promise.all([...(this.#open.get(did) ?? [])].map((close) => close()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((did) => this.closeAll(did)))
  }

  #forget(did: Did, close: () => Promise<void>): void {
    const ofActor = this.#open.get(did)
    ofActor?.delete(close)
    if (ofActor?.size === 0) this.#open.delete(did)
  }
}
