import {
  StratosError,
  type Did,
  type ErrorCode,
  type RateAllowance,
  type WriteRateLimiter,
} from 'stratos-core'

/** Refusals that are the caller's doing. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'InvalidRequest',
  'InvalidRecord',
  'InvalidCollection',
  'ServiceMismatch',
  'ForbiddenBoundary',
  'RecordAlreadyExists',
  'InvalidSwap',
  'UnbalancedRepo',
])

/**
 * What a user may ask for: so many writes, and besides them so many that are refused. The latter cost us the checks and
 * give the user nothing, so they do not use up the former, but have a limit too.
 */
export class WriteBudget {
  readonly #writes: WriteRateLimiter
  readonly #failures: WriteRateLimiter

  constructor(options: { writes: WriteRateLimiter; failures: WriteRateLimiter }) {
    this.#writes = options.writes
    this.#failures = options.failures
  }

  /**
   * Runs work that makes `count` writes.
   *
   * @throws {RateLimitedError} before the work is begun; otherwise what the work throws
   */
  async spend<T>(
    did: Did,
    count: number,
    work: () => Promise<T>,
  ): Promise<{ result: T; allowance: RateAllowance }> {
    await this.#failures.charge(did, 0)
    const allowance = await this.#writes.charge(did, count)
    try {
      return { result: await work(), allowance }
    } catch (err) {
      if (err instanceof StratosError && REFUSALS.has(err.code)) await this.#countFailure(did, count)
      throw err
    }
  }

  async #countFailure(did: Did, count: number): Promise<void> {
    await this.#writes.refund(did, count)
    try {
      await this.#failures.charge(did, count)
    } catch (err) {
      // The next request hears of the pause that begins here; this one is answered with what was wrong with it.
      if (!(err instanceof StratosError && err.code === 'RateLimitExceeded')) throw err
    }
  }
}
