import { join } from 'node:path'
import { Kysely } from 'kysely'
import { SQLITE } from './dialect.ts'
import { migrateToLatest } from './migrate.ts'
import { serviceMigrations } from './migrations/service.ts'
import type { ServiceTables } from './schema.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

/** Opens `service.sqlite` in the data directory and brings it to the newest version. */
export async function openServiceDatabase(dataDir: string): Promise<Kysely<ServiceTables>> {
  const dialect = sqliteDialect({ file: join(dataDir, 'service.sqlite'), cacheKiB: 16 * 1024 })
  const db = new Kysely<ServiceTables>({ dialect })
  await migrateToLatest(db, serviceMigrations(SQLITE))
  return db
}
