import type { SchemaModule } from 'kysely'

/** One step from a version of a database to the next. */
export interface Migration {
  readonly name: string
  up(schema: SchemaModule): Promise<void>
}

/**
 * Brings tables to the newest version. To be called within a transaction that keeps everybody else from doing the same.
 *
 * @param migrations all of them, oldest first; a version is the number of those that were applied
 * @param version of the tables now; 0 if there are none
 * @returns the version afterwards, for the caller to note down in the same transaction
 * @throws {Error} with the name of the migration that failed, or if the tables are newer than this program
 */
export async function migrate(
  schema: SchemaModule,
  migrations: readonly Migration[],
  version: number,
): Promise<number> {
  if (version > migrations.length) {
    throw new Error(
      `the database has version ${version}, but this program knows no more than ${migrations.length}`,
    )
  }
  for (const { name, up } of migrations.slice(version)) {
    try {
      await up(schema)
    } catch (cause) {
      throw new Error(`migration ${name} failed`, { cause })
    }
  }
  return migrations.length
}
