import type { Kysely } from 'kysely'
import { parseDid, type BacklogStore, type Did } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

export class SqlBacklogStore implements BacklogStore {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  async add(did: Did): Promise<void> {
    await this.#db
      .insertInto('stub_backlog')
      .values({ did })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  async remove(did: Did): Promise<void> {
    await this.#db.deleteFrom('stub_backlog').where('did', '=', did).execute()
  }

  async list(): Promise<Did[]> {
    const rows = await this.#db.selectFrom('stub_backlog').select('did').execute()
    return rows.map((row) => parseDid(row.did))
  }
}
