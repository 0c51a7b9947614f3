import type { Kysely } from 'kysely'
import type { Did, LeaseStore } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

/** Who carries an actor's stubs to the PDS. */
export class SqlLeaseStore implements LeaseStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async take(did: Did, holder: string, nowMs: number, untilMs: number): Promise<number | null> {
    const { numInsertedOrUpdatedRows: taken } = await this.#db
      .insertInto('stub_lease')
      .values({ did, holder, until_ms: untilMs })
      .onConflict((conflict) =>
        conflict
          .column('did')
          .doUpdateSet({ holder, until_ms: untilMs })
          .where(({ or, eb }) =>
            or([eb('stub_lease.until_ms', '<=', nowMs), eb('stub_lease.holder', '=', holder)]),
          ),
      )
      .executeTakeFirstOrThrow()
    if (taken === 1n) return null
    const row = await this.#db
      .selectFrom('stub_lease')
      .select('until_ms')
      .where('did', '=', did)
      .executeTakeFirst()
    // Released in between: whoever asks may ask again at once.
    return row?.until_ms ?? nowMs
  }

  async release(did: Did, holder: string): Promise<void> {
    await this.#db.deleteFrom('stub_lease').where('did', '=', did).where('holder', '=', holder).execute()
  }
}
