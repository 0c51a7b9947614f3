import { Kysely, sql } from 'kysely'
import { migrate, type Migration } from './migrate.ts'
import { sqliteDialect, type SqliteOptions } from './sqlite-dialect.ts'
import { inTransaction } from './transaction.ts'

/**
 * Opens a database file, creating it if need be, and brings it to the newest version. The version is a number in the
 * file's header, so that opening a file that is up to date costs next to nothing.
 */
export async function openSqlite<DB>(
  options: SqliteOptions,
  migrations: readonly Migration[],
): Promise<Kysely<DB>> {
  const db = new Kysely<DB>({ dialect: sqliteDialect(options) })
  try {
    if ((await readVersion(db)) !== migrations.length) {
      await inTransaction(db, async (trx) => {
        const version = await migrate(trx.schema, migrations, await readVersion(trx))
        await sql.raw(`pragma user_version = ${version}`).execute(trx)
      })
    }
    return db
  } catch (err) {
    await db.destroy()
    throw err
  }
}

/**
 * Leaves nothing in the log of a database that is not in its tables any more.
 *
 * @returns whether it could; not while another connection reads an older version
 */
export async function emptyLog<DB>(db: Kysely<DB>): Promise<boolean> {
  const { rows } = await sql.raw<{ busy: number }>('pragma wal_checkpoint(truncate)').execute(db)
  return rows[0]?.busy === 0
}

async function readVersion<DB>(db: Kysely<DB>): Promise<number> {
  const { rows } = await sql.raw<{ user_version: number }>('pragma user_version').execute(db)
  return rows[0]?.user_version ?? 0
}
