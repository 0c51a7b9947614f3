import type { Response } from 'express'
import { RateLimitedError, type Viewer } from 'stratos-core'

/** Reads of one account that are answered at the same time. */
const MAX_AT_ONCE = 64
/** What one account has asked for and does not take. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024
const RETRY_AFTER_MS = 1_000

/** Answers that are under way: each is in memory until its reader has taken it, and readers can be as slow as they like. */
export class OpenAnswers {
  readonly #byAccount = new Map<string, Set<Response>>()

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
    if (open.size >= MAX_AT_ONCE || unsentBytes(open) > MAX_UNSENT_BYTES)
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
