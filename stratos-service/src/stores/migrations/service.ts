import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { DialectTraits } from '../dialect.ts'
import { createFeedsAndJobs } from './feeds-and-jobs.ts'

/** Versions of the service database, oldest first. A published entry never changes. */
export function serviceMigrations(traits: DialectTraits): Record<string, Migration> {
  return {
    '0001-first': { up: (db) => createServiceTables(db, traits) },
  }
}

async function createServiceTables(db: Kysely<unknown>, traits: DialectTraits): Promise<void> {
  await createFeedsAndJobs(db, traits)
  await db.schema
    .createTable('actor')
    .addColumn('id', traits.serial, (col) => col.primaryKey())
    .addColumn('did', 'text', (col) => col.notNull().unique())
    .execute()
  await db.schema
    .createTable('enrollment')
    .addColumn('did', 'text', (col) => col.primaryKey())
    .addColumn('enrolled_at', 'text', (col) => col.notNull())
    .addColumn('pds_endpoint', 'text', (col) => col.notNull())
    .addColumn('signing_key', 'text', (col) => col.notNull())
    .addColumn('rkey', 'text', (col) => col.notNull())
    .addColumn('epoch', 'integer', (col) => col.notNull())
    .execute()
  await db.schema
    .createTable('enrollment_boundary')
    .addColumn('did', 'text', (col) => col.notNull().references('enrollment.did').onDelete('cascade'))
    .addColumn('boundary', 'text', (col) => col.notNull())
    .addPrimaryKeyConstraint('enrollment_boundary_pk', ['did', 'boundary'])
    .execute()
  await db.schema
    .createTable('oauth_state')
    .addColumn('key', 'text', (col) => col.primaryKey())
    .addColumn('state', 'text', (col) => col.notNull())
    .addColumn('created_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await db.schema
    .createTable('oauth_session')
    .addColumn('did', 'text', (col) => col.primaryKey())
    .addColumn('session', 'text', (col) => col.notNull())
    .execute()
  await db.schema
    .createTable('session_key')
    .addColumn('jkt', 'text', (col) => col.primaryKey())
    .addColumn('did', 'text', (col) => col.notNull())
    .addColumn('created_at_ms', 'bigint', (col) => col.notNull())
    .addColumn('expires_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await db.schema.createIndex('session_key_did').on('session_key').columns(['did', 'created_at_ms']).execute()
  await db.schema
    .createTable('replay')
    .addColumn('key', 'text', (col) => col.primaryKey())
    .addColumn('expires_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await db.schema.createIndex('replay_expiry').on('replay').column('expires_at_ms').execute()
  await db.schema
    .createTable('secret')
    .addColumn('name', 'text', (col) => col.primaryKey())
    .addColumn('value', traits.bytes, (col) => col.notNull())
    .execute()
  await db.schema
    .createTable('stub_backlog')
    .addColumn('did', 'text', (col) => col.primaryKey())
    .execute()
}
