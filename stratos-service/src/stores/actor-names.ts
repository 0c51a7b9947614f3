import type { Kysely } from 'kysely'
import { parseDid, type Did } from 'stratos-core'
import { pages } from './pages.ts'
import type { ServiceTables } from './schema.ts'

const MAX_CACHED = 100_000

/** From actors' numbers back to their DIDs. A number is never given again, so what was found once stays true. */
export class ActorNames {
  readonly #db: Kysely<ServiceTables>
  readonly #known = new Map<number, Did>()

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  /** Without those who are gone, as far as is known here. */
  async findMany(numbers: readonly number[]): Promise<ReadonlyMap<number, Did>> {
    const unknown = [...new Set(numbers)].filter((number) => !this.#known.has(number))
    for (const page of pages(unknown)) {
      const rows = await this.#db.selectFrom('actor').select(['id', 'did']).where('id', 'in', page).execute()
      if (this.#known.size + rows.length > MAX_CACHED) this.#known.clear()
      for (const { id, did } of rows) this.#known.set(id, parseDid(did))
    }
    return new Map(
      numbers.flatMap((number) => {
        const did = this.#known.get(number)
        return did === undefined ? [] : [[number, did] as const]
      }),
    )
  }
}
