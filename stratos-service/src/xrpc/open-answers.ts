import type { Response } from 'express'
import { RateLimitedError, type Viewer } from 'stratos-core'
import { Semaphore } from '../limits/semaphore.ts'

/** Of one account. */
export interface OpenAnswersLimits {
  readonly maxAtOnce: number
  /** What it has asked for and does not take. */
  readonly maxUnsentBytes: number
}

/** How many answers of an account are put together at a time. What they will take of the memory shows only then. */
const MAX_IN_PREPARATION = 8

export const JSON_ANSWERS: OpenAnswersLimits = { maxAtOnce: 128, maxUnsentBytes: 8 * 1024 * 1024 }
/** Read as they are sent: each keeps a file open, and a piece of it in memory. As many as browsers load at a time. */
export const BLOB_ANSWERS: OpenAnswersLimits = { maxAtOnce: 100, maxUnsentBytes: Infinity }

const RETRY_AFTER_MS = 1_000

interface Account {
  readonly answers: Set<Response>
  readonly preparation: Semaphore
}

/** Answers that are under way: each is in memory until its reader has taken it, and readers can be as slow as they like. */
export class OpenAnswers {
  readonly #limits: OpenAnswersLimits
  readonly #accounts = new Map<string, Account>()

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
    if (viewer.kind === 'user') this.#enter(viewer.did, res)
  }

  /**
   * As `enter`, and puts the answer together, a few for each account at a time.
   *
   * @param prepare puts it together and sends it
   * @throws {StratosError} `RateLimitExceeded`
   */
  async run<T>(viewer: Viewer, res: Response, prepare: () => Promise<T>): Promise<T> {
    if (viewer.kind !== 'user') return prepare()
    const account = this.#enter(viewer.did, res)
    return account.preparation.run(async () => {
      this.#assertTaken(account)
      return prepare()
    })
  }

  #enter(did: string, res: Response): Account {
    const account = this.#accounts.get(did) ?? {
      answers: new Set(),
      preparation: new Semaphore(MAX_IN_PREPARATION),
    }
    const { answers } = account
    if (answers.size >= this.#limits.maxAtOnce) throw new RateLimitedError(RETRY_AFTER_MS)
    this.#assertTaken(account)
    // Whoever has left while it was found out who they are takes up nothing, and will not leave again.
    if (res.closed) return account
    this.#accounts.set(did, account)
    answers.add(res)
    res.once('close', () => {
      answers.delete(res)
      if (answers.size === 0 && this.#accounts.get(did) === account) this.#accounts.delete(did)
    })
    return account
  }

  #assertTaken({ answers }: Account): void {
    if (unsentBytes(answers) > this.#limits.maxUnsentBytes) throw new RateLimitedError(RETRY_AFTER_MS)
  }
}

function unsentBytes(open: ReadonlySet<Response>): number {
  let bytes = 0
  for (const { writableLength } of open) bytes += writableLength
  return bytes
}
