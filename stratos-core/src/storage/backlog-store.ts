import type { Did } from '../ids.ts'

/** Actors whose queue may hold work or what was given up, so that nobody has to look at all the others. */
export interface BacklogStore {
  /** Durable when the promise resolves. */
  add(did: Did): Promise<void>
  remove(did: Did): Promise<void>
  list(): Promise<Did[]>
}
