import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { ServiceTables } from './schema.ts'

/** Random secrets that all instances of the service share. */
export class SecretStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  /** The 32-byte secret of this name; made on first use. */
  async getOrCreate(name: string): Promise<Uint8Array> {
    await this.#db
      .insertInto('secret')
      .values({ name, value: randomBytes(32) })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const { value } = await this.#db
      .selectFrom('secret')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
    return value
  }
}
