import type { Response } from 'express'
import { RateLimitedError, type Viewer } from 'stratos-core'

/** Of one account. */
export interface OpenAnswersLimits {
  readonly maxAtOnce: number
  /** What it has asked for and does not take. */
  readonly maxUnsentBytes: number
}

export const JSON_ANSWERS: OpenAnswersLimits = { maxAtOnce: 128, maxUnsentBytes: 8 * 1024 * 1024 }
/** Read as they are sent: each keeps a file open, and a piece of it in memory. As many as browsers load at a time. */
export const BLOB_ANSWERS: OpenAnswersLimits = { maxAtOnce: 100, maxUnsentBytes: Infinity }

const RETRY_AFTER_MS = 1_000

/** Answers that are under way: each is in memory until its reader has taken it, and readers can be as slow as they like. */
export class OpenAnswers {
  readonly #limits: OpenAnswersLimits
  readonly #byAccount = new Map<string, Set<Response>>()

  constructor(limits: OpenAnswersLimits) {
    this.#limits = limits
  }

  /**
   * Counts an answer to a user until it has ended. Services, which read for all of their users, have no such limit, and
   * nothing large is for anybody else.
   *
   * @throws {StratosError} `RateLimitExceeded`
   */
  enter(viewer: Viewer, res: Response): void {
    if (viewer.kind !== 'user') return
    const { did } = viewer
    const open = this.#byAccount.get(did) ?? new Set()
    const { maxAtOnce, maxUnsentBytes } = this.#limits
    if (open.size >= maxAtOnce || unsentBytes(open) > maxUnsentBytes)
      throw new RateLimitedError(RETRY_AFTER_MS)
    this.#byAccount.set(did, open.add(res))
    res.once('close', () => {
      open.delete(res)
      if (open.size === 0 && this.#byAccount.get(did) === open) this.#byAccount.delete(did)
    })
  }
}

function unsentBytes(open: ReadonlySet<Response>): number {
  let bytes = 0
  for (const { writableLength } of open) bytes += writableLength
  return bytes
}
