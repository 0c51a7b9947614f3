import { sql, type Kysely } from 'kysely'
import { POSTGRES } from './dialect.ts'
import { migrate, type Migration } from './migrate.ts'
import { actorMigrations } from './migrations/actor.ts'
import { serviceMigrations } from './migrations/service.ts'
import type { PostgresTables } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** Schema of the tables that belong to the service as a whole. */
export const SERVICE_SCHEMA = 'stratos'
/** Schema of the tables of all actors, where they have none of their own. */
export const SHARED_SCHEMA = 'actors'

/** A number of our own among the advisory locks of the database; instances that start together take turns. */
const MIGRATION_LOCK = 7_382_910_465

/**
 * Makes the schemas that this service needs and brings them to the newest version.
 *
 * @throws {Error} which says what has to be granted if the database user may not make them, and what to set if the
 *   actors of this database are laid out otherwise
 */
export async function prepareSchemas(db: Kysely<PostgresTables>, layout: 'schema' | 'shared'): Promise<void> {
  await inTransaction(db, async (trx) => {
    await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(trx)
    await createSchema(trx, SERVICE_SCHEMA)
    await trx
      .withSchema(SERVICE_SCHEMA)
      .schema.createTable('schema_version')
      .ifNotExists()
      .addColumn('schema', 'text', (col) => col.primaryKey())
      .addColumn('version', 'integer', (col) => col.notNull())
      .execute()
    await renew(trx, SERVICE_SCHEMA, serviceMigrations(POSTGRES))
    await assertLayout(trx, layout)
    if (layout === 'shared') {
      await createSchema(trx, SHARED_SCHEMA)
      await renew(trx, SHARED_SCHEMA, actorMigrations(POSTGRES))
    } else if (!(await may(trx, sql`has_database_privilege(current_database(), 'CREATE')`))) {
      throw new Error(
        'the database user may not create schemas, which every new actor needs: GRANT CREATE ON DATABASE, or set STRATOS_PG_LAYOUT=shared',
      )
    }
  })
}

async function createSchema(trx: Kysely<PostgresTables>, name: string): Promise<void> {
  // Asked first, because even "if not exists" takes the right to create.
  if (await may(trx, sql`exists (select from pg_catalog.pg_namespace where nspname = ${name})`)) {
    const usable = sql`has_schema_privilege(${name}, 'USAGE') and has_schema_privilege(${name}, 'CREATE')`
    if (await may(trx, usable)) return
    throw new Error(`the database user may not use schema "${name}": GRANT USAGE, CREATE ON SCHEMA ${name}`)
  }
  if (!(await may(trx, sql`has_database_privilege(current_database(), 'CREATE')`))) {
    throw new Error(
      `the database user may not create schema "${name}": GRANT CREATE ON DATABASE, or create the schema for it`,
    )
  }
  await trx.schema.createSchema(name).execute()
}

async function may(trx: Kysely<PostgresTables>, condition: ReturnType<typeof sql>): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`select ${condition} as may`.execute(trx)
  return rows[0]?.may === true
}

async function renew(
  trx: Kysely<PostgresTables>,
  schema: string,
  migrations: readonly Migration[],
): Promise<void> {
  const versions = trx.withSchema(SERVICE_SCHEMA)
  const row = await versions
    .selectFrom('schema_version')
    .select('version')
    .where('schema', '=', schema)
    .executeTakeFirst()
  const version = await migrate(trx.withSchema(schema).schema, migrations, row?.version ?? 0)
  await versions
    .insertInto('schema_version')
    .values({ schema, version })
    .onConflict((conflict) => conflict.column('schema').doUpdateSet({ version }))
    .execute()
}

/** The actors of a database are laid out one way or the other: nobody would find those of the other way. */
async function assertLayout(trx: Kysely<PostgresTables>, layout: 'schema' | 'shared'): Promise<void> {
  const service = trx.withSchema(SERVICE_SCHEMA)
  const ofOtherLayout = await service
    .selectFrom('actor')
    .select('id')
    // Only an actor with tables of its own has a version.
    .where('version', layout === 'schema' ? '=' : '>', 0)
    .limit(1)
    .executeTakeFirst()
  if (ofOtherLayout === undefined) return
  throw new Error(
    `there are actors in this database for which STRATOS_PG_LAYOUT must be ${layout === 'schema' ? 'shared' : 'schema'}`,
  )
}
