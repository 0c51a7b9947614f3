import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { ReplayStore } from 'stratos-core'
import { InGroups } from './in-groups.ts'
import { padded } from './pages.ts'
import type { ServiceTables } from './schema.ts'
import { Statements } from './statements.ts'

const SWEEP_EVERY_MS = 30_000
/** Statements under way; while there are so many, further identifiers wait and go together. */
const AT_ONCE = 2
const MAX_TOGETHER = 128

/**
 * Identifiers that may be used once, in the service database and so shared by all instances. Those that come at the same
 * time are written together: every signed request has one.
 */
export class SqlReplayStore implements ReplayStore {
  readonly #db: Kysely<ServiceTables>
  readonly #statements = new Statements()
  readonly #nowMs: () => number
  readonly #uses = new InGroups<ServiceTables['replay'], boolean>({
    atOnce: AT_ONCE,
    maxTogether: MAX_TOGETHER,
    carryOut: (rows) => this.#useAll(rows),
  })
  #sweptAtMs = 0

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async use(key: string, expiresAtMs: number): Promise<boolean> {
    const nowMs = this.#nowMs()
    if (nowMs - this.#sweptAtMs > SWEEP_EVERY_MS) {
      this.#sweptAtMs = nowMs
      await this.#db.deleteFrom('replay').where('expires_at_ms', '<', nowMs).execute()
    }
    return this.#uses.ask({ key: hash('sha256', key, 'base64url'), expires_at_ms: expiresAtMs })
  }

  async #useAll(rows: readonly ServiceTables['replay'][]): Promise<boolean[]> {
    const added = await this.#add(rows)
    // Of two uses of one identifier the first one counts, also within one statement.
    return rows.map(({ key }) => added.delete(key))
  }

  /** @returns those that were not there before */
  async #add(rows: readonly ServiceTables['replay'][]): Promise<Set<string>> {
    const db = this.#db
    // In one order everywhere: two instances that write the same keys the other way around would wait for each other.
    const sorted = rows.toSorted((one, other) => (one.key < other.key ? -1 : 1))
    const { rows: added } = await this.#statements.run(db, 'use', padded(sorted), (used) =>
      db
        .insertInto('replay')
        .values(used)
        .onConflict((conflict) => conflict.doNothing())
        .returning('key'),
    )
    return new Set(added.map(({ key }) => key))
  }
}
