import { hash } from 'node:crypto'
import { sql, type Kysely } from 'kysely'
import { KeyedLock } from '../limits/keyed-lock.ts'
import { Semaphore } from '../limits/semaphore.ts'
import { inTransactionAfter } from './transaction.ts'

/**
 * Lets one piece of work at a time at each key, on all instances that share a Postgres database. A lock ends with the
 * connection that holds it, so nothing is left locked by an instance that dies.
 */
export class AdvisoryLock<DB> {
  readonly #db: Kysely<DB>
  readonly #here = new KeyedLock()
  readonly #holders: Semaphore

  /** @param maxHeld how many connections may be used up by locks; the work must not need those */
  constructor(db: Kysely<DB>, maxHeld: number) {
    this.#db = db
    this.#holders = new Semaphore(maxHeld)
  }

  /** @throws {StratosError} `ServiceUnavailable` if too many wait for the same key, or if the wait takes too long */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    // Those of this instance take turns first, with one connection between them.
    return this.#here.run(key, () =>
      this.#holders.run(() =>
        inTransactionAfter(
          this.#db,
          (trx) => sql`select pg_advisory_xact_lock(${lockNumber(key)})`.execute(trx),
          () => work(),
        ),
      ),
    )
  }
}

/** Two keys with the same number merely wait for each other. */
function lockNumber(key: string): string {
  return hash('sha256', key, 'buffer').readBigInt64BE().toString()
}
