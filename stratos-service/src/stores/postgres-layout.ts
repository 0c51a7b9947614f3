import type { Kysely } from 'kysely'
import { repoFeed, stubQueue } from './actor-stores.ts'
import { POSTGRES } from './dialect.ts'
import { migrate } from './migrate.ts'
import { actorMigrations } from './migrations/actor.ts'
import type { Placement } from './placements.ts'
import { SHARED_SCHEMA } from './postgres-database.ts'
import type { PostgresTables } from './schema.ts'
import { together } from './transaction.ts'

/** How the tables of actors are spread over schemas. */
export interface PostgresLayout {
  schemaOf(repo: number): string
  /** Whether this actor's tables have to be brought to the newest version before they are used. */
  isOutdated(placement: Placement): boolean
  /** Makes or renews an actor's tables, in the transaction that holds the actor. @returns their version */
  prepare(trx: Kysely<PostgresTables>, placement: Placement): Promise<number>
  /** Removes everything of an actor, in the transaction that holds the actor. */
  clear(trx: Kysely<PostgresTables>, repo: number): Promise<void>
}

const MIGRATIONS = actorMigrations(POSTGRES)

/**
 * A schema for each actor. Destroying an actor takes everything along at once, and a dump of one schema is a dump of one
 * actor; but every actor costs some forty entries in the system catalogue and as many files.
 */
export const SCHEMA_PER_ACTOR: PostgresLayout = {
  // Named after a number that is never given twice, so that no two actors can meet.
  schemaOf: (repo) => `actor_${repo}`,
  isOutdated: ({ version }) => version !== MIGRATIONS.length,
  async prepare(trx, { number, version }) {
    const name = this.schemaOf(number)
    if (version === 0) await trx.schema.createSchema(name).execute()
    return migrate(trx.withSchema(name).schema, MIGRATIONS, version)
  },
  async clear(trx, repo) {
    await trx.schema.dropSchema(this.schemaOf(repo)).ifExists().cascade().execute()
  },
}

const REPO_TABLES = [
  'repo_head',
  'repo_block',
  'record',
  'record_boundary',
  'record_takedown',
  'record_blob',
  'blob',
  'backlink',
  'signing_key',
] as const

/** One schema for all actors, made when the service starts: for many actors with little data each. */
export const SHARED: PostgresLayout = {
  schemaOf: () => SHARED_SCHEMA,
  isOutdated: () => false,
  prepare: async () => 0,
  async clear(trx, repo) {
    const db = trx.withSchema(SHARED_SCHEMA)
    await together([
      ...REPO_TABLES.map((table) => db.deleteFrom(table).where('repo', '=', repo).execute()),
      ...(['feed', 'event'] as const).map((table) =>
        db.deleteFrom(table).where('feed', '=', repoFeed(repo)).execute(),
      ),
      db.deleteFrom('job').where('queue', '=', stubQueue(repo)).execute(),
    ])
  },
}
