import type { Did } from '../ids.ts'

/** Actors whose queue may hold work, so that a restarted service looks at them and at nobody else. */
export interface BacklogStore {
  /** Durable when the promise resolves. */
  add(did: Did): Promise<void>
  remove(did: Did): Promise<void>
  list(): Promise<Did[]>
}
