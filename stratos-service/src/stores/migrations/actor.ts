import type { SchemaModule } from 'kysely'
import type { DialectTraits } from '../dialect.ts'
import type { Migration } from '../migrate.ts'
import { addEventIndex, createFeedsAndJobs } from './feeds-and-jobs.ts'

/** Versions of an actor's tables, oldest first. A published entry never changes. */
export function actorMigrations(traits: DialectTraits): readonly Migration[] {
  return [
    { name: '0001-first', up: (schema) => createActorTables(schema, traits) },
    { name: '0002-blobs', up: (schema) => createBlobTable(schema, traits) },
    { name: '0003-reads', up: (schema) => addReads(schema, traits) },
    { name: '0004-event-index', up: (schema) => addEventIndex(schema, traits) },
  ]
}

/** Lists by boundary, takedowns, and exports of what is new. */
async function addReads(schema: SchemaModule, { text, byKey }: DialectTraits): Promise<void> {
  await schema
    .createIndex('record_boundary_list')
    .on('record_boundary')
    .columns(['repo', 'boundary', 'collection', 'rkey'])
    .execute()
  await schema
    .createTable('record_takedown')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('at_ms', 'bigint', (col) => col.notNull())
    .addPrimaryKeyConstraint('record_takedown_pk', ['repo', 'collection', 'rkey'])
    .modifyEnd(byKey)
    .execute()
  await schema.alterTable('repo_block').addColumn('rev', text).execute()
}

async function createActorTables(schema: SchemaModule, traits: DialectTraits): Promise<void> {
  const { text, bytes, byKey, keepsKeys } = traits
  await createFeedsAndJobs(schema, traits)
  await schema
    .createTable('repo_head')
    .addColumn('repo', 'integer', (col) => col.primaryKey())
    .addColumn('cid', text, (col) => col.notNull())
    .addColumn('rev', text, (col) => col.notNull())
    .addColumn('data', text, (col) => col.notNull())
    .execute()
  // Not kept by key: contents would lie between those of other commits, where adding some touches many pages.
  await schema
    .createTable('repo_block')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('cid', text, (col) => col.notNull())
    .addColumn('content', bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint('repo_block_pk', ['repo', 'cid'])
    .execute()
  await schema
    .createTable('record')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('cid', text, (col) => col.notNull())
    .addColumn('rev', text, (col) => col.notNull())
    .addPrimaryKeyConstraint('record_pk', ['repo', 'collection', 'rkey'])
    .modifyEnd(byKey)
    .execute()
  await schema.createIndex('record_cid').on('record').columns(['repo', 'cid']).execute()
  await schema
    .createTable('record_boundary')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('boundary', text, (col) => col.notNull())
    .addPrimaryKeyConstraint('record_boundary_pk', ['repo', 'collection', 'rkey', 'boundary'])
    .modifyEnd(byKey)
    .execute()
  await schema
    .createTable('record_blob')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('cid', text, (col) => col.notNull())
    .addPrimaryKeyConstraint('record_blob_pk', ['repo', 'collection', 'rkey', 'cid'])
    .modifyEnd(byKey)
    .execute()
  await schema.createIndex('record_blob_cid').on('record_blob').columns(['repo', 'cid']).execute()
  await schema
    .createTable('backlink')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('collection', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('path', text, (col) => col.notNull())
    .addColumn('target', text, (col) => col.notNull())
    .execute()
  // No primary key: the five columns together may be longer than a row of an index.
  await schema.createIndex('backlink_record').on('backlink').columns(['repo', 'collection', 'rkey']).execute()
  await schema.createIndex('backlink_target').on('backlink').columns(['repo', 'target']).execute()
  if (keepsKeys) {
    await schema
      .createTable('signing_key')
      .addColumn('repo', 'integer', (col) => col.primaryKey())
      .addColumn('key', bytes, (col) => col.notNull())
      .execute()
  }
}

async function createBlobTable(schema: SchemaModule, { text, byKey }: DialectTraits): Promise<void> {
  await schema
    .createTable('blob')
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('cid', text, (col) => col.notNull())
    .addColumn('mime_type', text, (col) => col.notNull())
    .addColumn('size', 'bigint', (col) => col.notNull())
    .addColumn('temporary_key', text)
    .addColumn('keep_until_ms', 'bigint', (col) => col.notNull())
    .addColumn('quarantined', 'integer', (col) => col.notNull())
    .addColumn('doomed', 'integer', (col) => col.notNull())
    .addColumn('check_at_ms', 'bigint')
    .addColumn('attempts', 'integer', (col) => col.notNull())
    .addPrimaryKeyConstraint('blob_pk', ['repo', 'cid'])
    .modifyEnd(byKey)
    .execute()
  await schema.createIndex('blob_check').on('blob').columns(['repo', 'check_at_ms']).execute()
}
