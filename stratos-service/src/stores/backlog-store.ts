import type { Kysely } from 'kysely'
import { parseDid, type BacklogStore, type Did } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

export class SqlBacklogStore implements BacklogStore {
  readonly #db: Kysely<ServiceTables>
  readonly #table: 'stub_backlog' | 'blob_backlog'

  constructor(db: Kysely<ServiceTables>, table: 'stub_backlog' | 'blob_backlog') {
    this.#db = db
    this.#table = table
  }

  async add(did: Did): Promise<void> {
    await this.#db
      .insertInto(this.#table)
      .values({ did })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  async remove(did: Did): Promise<void> {
    await this.#db.deleteFrom(this.#table).where('did', '=', did).execute()
  }

  async list(): Promise<Did[]> {
    const rows = await this.#db.selectFrom(this.#table).select('did').execute()
    return rows.map((row) => parseDid(row.did))
  }
}
