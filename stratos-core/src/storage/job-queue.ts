/** Work that must happen once a transaction is durable, and is tried until it succeeds or is given up. */
export interface Job {
  /** What the job is about; at most one job per key, the newest wishes win. */
  readonly key: string
  /** JSON text. */
  readonly payload: string
  /** Rises with every `put` of the same key; guards against finishing a job that has changed meanwhile. */
  readonly version: number
  readonly attempts: number
  readonly nextAttemptAtMs: number
  readonly lastError: string | null
}

/** What somebody wants done. */
export interface JobWish {
  readonly key: string
  readonly payload: string
}

/** A durable queue, in order of the first `put` of each key. */
export interface JobQueue {
  /**
   * A job that waits already, and has not been tried, keeps its time if that is earlier: it must not be put off by newer
   * wishes, and hold up those behind it.
   *
   * @param wishes in the order in which they are to be carried out, of different keys
   * @param dueAtMs when they may be carried out; milliseconds since the epoch
   */
  put(wishes: readonly JobWish[], dueAtMs: number): Promise<void>
  /** The job of this key, unless there is none or it is given up. */
  find(key: string): Promise<Job | null>
  /** Jobs that are not given up, oldest first, due or not. */
  list(limit: number): Promise<Job[]>
  /**
   * Gives a job that has got on another payload or time, unless it was put again or changed since.
   *
   * @returns the job as it is now; null if it is another one, or gone
   */
  advance(job: Job, change: { payload: string; nextAttemptAtMs: number }): Promise<Job | null>
  /** Makes every waiting job due, as if it had never failed. */
  hasten(nowMs: number): Promise<void>
  /** Forgets the job unless it was put again since. */
  finish(job: Job): Promise<void>
  /** Keeps the job for a later attempt unless it was put again since. */
  retry(job: Job, nextAttemptAtMs: number, error: string): Promise<void>
  /** Sets the job aside as a dead letter unless it was put again since. */
  giveUp(job: Job, error: string): Promise<void>
  listGivenUp(limit: number): Promise<Job[]>
  /** The job of this key if it is given up. */
  findGivenUp(key: string): Promise<Job | null>
  /**
   * Makes a job due at once, as if it were wished for again; also one that was given up.
   *
   * @returns false if there is no such job
   */
  revive(key: string, nowMs: number): Promise<boolean>
  count(): Promise<{ readonly waiting: number; readonly givenUp: number }>
}
