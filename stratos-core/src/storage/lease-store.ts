import type { Did } from '../ids.ts'

/**
 * Who works for an actor at the moment, where several instances could. A lease ends by itself, so that the work of an
 * instance that dies is taken up by another one.
 */
export interface LeaseStore {
  /**
   * Takes an actor's lease, or prolongs the holder's own.
   *
   * @param holder names the instance
   * @returns null if the lease is the holder's until `untilMs`; otherwise until when it is somebody else's
   */
  take(did: Did, holder: string, nowMs: number, untilMs: number): Promise<number | null>
  /** Does nothing if the lease is somebody else's. */
  release(did: Did, holder: string): Promise<void>
}
