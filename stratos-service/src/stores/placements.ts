import type { Kysely } from 'kysely'
import { parseDid, type Did } from 'stratos-core'
import type { ServiceTables } from './schema.ts'
import { together } from './transaction.ts'

/** Where an actor's rows are. */
export interface Placement {
  /** `repo` in the actor tables; never given to anybody else. */
  readonly number: number
  /** Of the actor's own tables; 0 where they are not in this database. */
  readonly version: number
}

const MAX_CACHED = 100_000

/** The actors of a service and where each is, from a bounded cache over the `actor` table. */
export class Placements {
  readonly #db: Kysely<ServiceTables>
  readonly #freshMs: number
  readonly #nowMs: () => number
  readonly #known = new Map<Did, { readonly placement: Placement; readonly untilMs: number }>()

  /** @param options.freshMs how long another process's changes may go unnoticed */
  constructor(db: Kysely<ServiceTables>, options: { freshMs: number; nowMs: () => number }) {
    this.#db = db
    this.#freshMs = options.freshMs
    this.#nowMs = options.nowMs
  }

  async find(did: Did): Promise<Placement | null> {
    const known = this.#known.get(did)
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.placement
    const row = await this.#db
      .selectFrom('actor')
      .select(['id', 'version'])
      .where('did', '=', did)
      .executeTakeFirst()
    if (row === undefined) {
      this.#known.delete(did)
      return null
    }
    const placement = { number: row.id, version: row.version }
    if (this.#known.size >= MAX_CACHED) this.#known.clear()
    this.#known.set(did, { placement, untilMs: this.#nowMs() + this.#freshMs })
    return placement
  }

  forget(did: Did): void {
    this.#known.delete(did)
  }
}

/** Gives an actor a number unless it has one. */
export async function insertActor(db: Kysely<ServiceTables>, did: Did): Promise<void> {
  await db
    .insertInto('actor')
    .values({ did })
    .onConflict((conflict) => conflict.column('did').doNothing())
    .execute()
}

/** In the order of their DIDs. @param after exclusive; empty text starts */
export async function listActors(db: Kysely<ServiceTables>, after: string, limit: number): Promise<Did[]> {
  const page = db.selectFrom('actor').select('did').where('did', '>', after).orderBy('did').limit(limit)
  return (await page.execute()).map(({ did }) => parseDid(did))
}

/** Removes an actor's number and what only makes sense together with it; only within a transaction. */
export async function deleteActor(db: Kysely<ServiceTables>, did: Did): Promise<void> {
  await together(
    (['actor', 'stub_backlog', 'stub_lease', 'blob_backlog', 'write_rate'] as const).map((table) =>
      db.deleteFrom(table).where('did', '=', did).execute(),
    ),
  )
}
