import { hash, timingSafeEqual } from 'node:crypto'
import { StratosError, type OperatorViewer } from 'stratos-core'
import type { Credential } from './credentials.ts'
import type { FailureLimiter } from './failure-limiter.ts'

const USER = 'admin'

/** The operator's way in: HTTP Basic with user `admin` and the configured password. */
export class AdminPassword {
  readonly #digest: Buffer | null
  readonly #failures: FailureLimiter

  /** @param password null switches the way off */
  constructor(password: string | null, failures: FailureLimiter) {
    this.#digest = password === null || password === '' ? null : digestOf(`${USER}:${password}`)
    this.#failures = failures
  }

  /**
   * @param address where the request came from; too many wrong passwords from there end in a refusal of right ones, too
   * @throws {StratosError} `AuthenticationRequired`, or `RateLimitExceeded`
   */
  async verify(credential: Credential, address: string): Promise<OperatorViewer> {
    if (this.#digest === null) throw refused('administration by password is switched off')
    if (credential.scheme !== 'basic') throw refused('the administrator must sign in')
    const right = this.#digest
    return this.#failures.run(address, isStratosError, async () => {
      // Digests have one length, so the comparison tells nothing about how much of a guess was right.
      const given = digestOf(Buffer.from(credential.token, 'base64'))
      if (!timingSafeEqual(given, right)) throw refused('wrong user name or password')
      return { kind: 'operator', name: USER }
    })
  }
}

function isStratosError(err: unknown): boolean {
  return err instanceof StratosError
}

function digestOf(credentials: string | Buffer): Buffer {
  return hash('sha256', credentials, 'buffer')
}

function refused(why: string): StratosError {
  return new StratosError('AuthenticationRequired', why)
}
