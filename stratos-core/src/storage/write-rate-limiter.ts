import type { Did } from '../ids.ts'

/** How many writes a user may make: a rolling window, and a pause for those who go beyond it. */
export interface WriteRate {
  readonly maxWrites: number
  readonly windowMs: number
  readonly cooldownMs: number
  /** A random part of this is added to the pause, so that not everybody comes back at once. */
  readonly cooldownJitterMs: number
}

/** What is left of somebody's window. */
export interface RateAllowance {
  /** Requests, or writes, in a whole window. */
  readonly limit: number
  readonly windowMs: number
  readonly remaining: number
  /** Until there is more again. */
  readonly resetAfterMs: number
}

/** Keeps users to a `WriteRate`, on all instances together. */
export interface WriteRateLimiter {
  /**
   * Counts writes against a user's window. Atomic. What does not fit starts a pause in which everything is refused;
   * refused requests are not counted and do not prolong it.
   *
   * @param writes 0 counts nothing, and is refused in a pause alone
   * @returns what is left afterwards
   * @throws {RateLimitedError} which says how long the pause lasts
   */
  charge(did: Did, writes: number): Promise<RateAllowance>
  /** Takes back writes that were counted and came to nothing. */
  refund(did: Did, writes: number): Promise<void>
  /** Drops what is remembered of a user. */
  forget(did: Did): Promise<void>
}
