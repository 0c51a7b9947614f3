import type { Kysely } from 'kysely'
import { ENROLLMENT_RECORD_QUEUE } from './enrollment-store.ts'
import { SqlJobQueue } from './job-queue.ts'
import type { ServiceTables } from './schema.ts'
import { inTransaction } from './transaction.ts'

const PAGE = 1_000

/** The public keys that the service signs and signed with, newest first, as far as they are to be published. */
export class SqlServiceKeys {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async list(): Promise<string[]> {
    return listKeys(this.#db)
  }

  /**
   * Makes a key the present one. If there was another, it stays published, and every enrollment record has to be written
   * again: all of that, or nothing.
   *
   * @param key `did:key`
   */
  async adopt(key: string): Promise<{ readonly published: readonly string[]; readonly isNew: boolean }> {
    return inTransaction(this.#db, async (trx) => {
      const before = await listKeys(trx)
      if (before[0] === key) return { published: before, isNew: false }
      await trx.deleteFrom('service_key').where('key', '=', key).execute()
      await trx.insertInto('service_key').values({ key, since_ms: this.#nowMs() }).execute()
      if (before.length > 0) await this.#attestEverybody(trx)
      return { published: await listKeys(trx), isNew: before.length > 0 }
    })
  }

  /** Stops publishing all keys but the present one. @returns how many */
  async retire(): Promise<number> {
    return inTransaction(this.#db, async (trx) => {
      const [, ...former] = await listKeys(trx)
      if (former.length > 0) await trx.deleteFrom('service_key').where('key', 'in', former).execute()
      return former.length
    })
  }

  async #attestEverybody(trx: Kysely<ServiceTables>): Promise<void> {
    const jobs = new SqlJobQueue(trx.$pickTables<'job'>(), ENROLLMENT_RECORD_QUEUE)
    for (let after = ''; ;) {
      const page = await trx
        .selectFrom('enrollment')
        .select('did')
        .where('did', '>', after)
        .orderBy('did')
        .limit(PAGE)
        .execute()
      await jobs.put(
        page.map(({ did }) => ({ key: did, payload: '{}' })),
        this.#nowMs(),
      )
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE) return
      after = last.did
    }
  }
}

async function listKeys(db: Kysely<ServiceTables>): Promise<string[]> {
  const rows = await db.selectFrom('service_key').select('key').orderBy('number', 'desc').execute()
  return rows.map(({ key }) => key)
}
