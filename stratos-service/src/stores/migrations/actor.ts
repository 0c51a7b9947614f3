import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { DialectTraits } from '../dialect.ts'
import { createFeedsAndJobs } from './feeds-and-jobs.ts'

/** Versions of an actor's tables, oldest first. A published entry never changes. */
export function actorMigrations(traits: DialectTraits): Record<string, Migration> {
  return {
    '0001-first': { up: (db) => createActorTables(db, traits) },
  }
}

async function createActorTables(db: Kysely<unknown>, traits: DialectTraits): Promise<void> {
  await createFeedsAndJobs(db, traits)
  await db.schema
    .createTable('repo_head')
    .addColumn('repo', 'integer', (col) => col.primaryKey())
    .addColumn('cid', 'text', (col) => col.notNull())
    .addColumn('rev', 'text', (col) => col.notNull())
    .addColumn('data', 'text', (col) => col.notNull())
    .execute()
  await db.schema
    .createTable('repo_block')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('cid', 'text', (col) => col.notNull())
    .addColumn('content', traits.bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint('repo_block_pk', ['repo', 'cid'])
    .execute()
  await db.schema
    .createTable('record')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', 'text', (col) => col.notNull())
    .addColumn('rkey', 'text', (col) => col.notNull())
    .addColumn('cid', 'text', (col) => col.notNull())
    .addColumn('rev', 'text', (col) => col.notNull())
    .addPrimaryKeyConstraint('record_pk', ['repo', 'collection', 'rkey'])
    .execute()
  await db.schema.createIndex('record_cid').on('record').columns(['repo', 'cid']).execute()
  await db.schema
    .createTable('record_boundary')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', 'text', (col) => col.notNull())
    .addColumn('rkey', 'text', (col) => col.notNull())
    .addColumn('boundary', 'text', (col) => col.notNull())
    .addPrimaryKeyConstraint('record_boundary_pk', ['repo', 'collection', 'rkey', 'boundary'])
    .execute()
}
