import type { Kysely } from 'kysely'
import type { Did } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

const MAX_CACHED = 100_000

/** Gives each actor a number that is never reused; `repo` in the actor tables. */
export class ActorNumbers {
  readonly #db: Kysely<ServiceTables>
  readonly #known = new Map<Did, number>()

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async find(did: Did): Promise<number | null> {
    const known = this.#known.get(did)
    if (known !== undefined) return known
    const row = await this.#db.selectFrom('actor').select('id').where('did', '=', did).executeTakeFirst()
    if (row === undefined) return null
    if (this.#known.size >= MAX_CACHED) this.#known.clear()
    this.#known.set(did, row.id)
    return row.id
  }

  async getOrCreate(did: Did): Promise<number> {
    await this.#db
      .insertInto('actor')
      .values({ did })
      .onConflict((conflict) => conflict.column('did').doNothing())
      .execute()
    const number = await this.find(did)
    if (number === null) throw new Error('an actor number vanished while it was being created')
    return number
  }

  async delete(did: Did): Promise<void> {
    this.#known.delete(did)
    await this.#db.deleteFrom('actor').where('did', '=', did).execute()
  }
}
