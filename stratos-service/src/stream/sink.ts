import type { StreamFailure } from './encoding.ts'

/** Where a stream goes. */
export interface Sink {
  /** Sends. @returns false if what is unsent has become so much that the sender should wait */
  write(frame: Uint8Array): boolean
  /** Resolves when there is room again, or the other end is gone. */
  drained(): Promise<void>
  /** Sends what there is to say about the end, and closes. */
  fail(failure: StreamFailure): void
  /** Closes because the service stops; the follower may come back. */
  goAway(): void
  /** Says or asks whether the other end is still there, and gives it up if it was silent since the last time. */
  heartbeat(): void
  /** Gives the connection up. */
  cutOff(): void
}

/** What may be unsent before the sender waits. A single frame may be larger. */
export const HIGH_WATER_BYTES = 512 * 1024
export const LOW_WATER_BYTES = 128 * 1024
