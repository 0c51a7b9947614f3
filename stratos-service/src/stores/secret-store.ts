import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { ServiceTables } from './schema.ts'

/** Secrets that all instances of the service share. */
export class SecretStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async find(name: string): Promise<Uint8Array | null> {
    const row = await this.#db
      .selectFrom('secret')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirst()
    return row?.value ?? null
  }

  async put(name: string, value: Uint8Array): Promise<void> {
    await this.#db
      .insertInto('secret')
      .values({ name, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute()
  }

  /** The secret of this name; made on first use, by one of all that try. @param make by default 32 random bytes */
  async getOrCreate(name: string, make: () => Uint8Array = () => randomBytes(32)): Promise<Uint8Array> {
    const known = await this.find(name)
    if (known !== null) return known
    await this.#db
      .insertInto('secret')
      .values({ name, value: make() })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const made = await this.find(name)
    if (made === null) throw new Error(`secret ${name} vanished while it was being made`)
    return made
  }
}
