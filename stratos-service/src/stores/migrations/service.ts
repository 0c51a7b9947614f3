import type { ColumnDefinitionBuilder, SchemaModule } from 'kysely'
import type { DialectTraits } from '../dialect.ts'
import type { Migration } from '../migrate.ts'
import { addEventIndex, createFeedsAndJobs } from './feeds-and-jobs.ts'

/** Versions of the service database, oldest first. A published entry never changes. */
export function serviceMigrations(traits: DialectTraits): readonly Migration[] {
  return [
    { name: '0001-first', up: (schema) => createServiceTables(schema, traits) },
    { name: '0002-audit', up: (schema) => createAuditTable(schema, traits) },
    { name: '0003-approvals', up: (schema) => createApprovalTable(schema, traits) },
    { name: '0004-blob-backlog', up: (schema) => createBlobBacklog(schema, traits) },
    { name: '0005-feed-of-the-service', up: (schema) => prepareServiceFeed(schema, traits) },
    { name: '0006-service-keys', up: (schema) => createServiceKeyTable(schema, traits) },
    { name: '0007-stub-leases', up: (schema) => createStubLeases(schema, traits) },
    { name: '0008-tombstones', up: (schema) => createTombstones(schema, traits) },
  ]
}

async function createServiceTables(schema: SchemaModule, traits: DialectTraits): Promise<void> {
  const { text, bytes, serial } = traits
  await createFeedsAndJobs(schema, traits)
  await schema
    .createTable('actor')
    .addColumn('id', serial.type, asCounter(traits))
    .addColumn('did', text, (col) => col.notNull().unique())
    .addColumn('version', 'integer', (col) => col.notNull().defaultTo(0))
    .execute()
  await schema
    .createTable('enrollment')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('enrolled_at', text, (col) => col.notNull())
    .addColumn('pds_endpoint', text, (col) => col.notNull())
    .addColumn('signing_key', text, (col) => col.notNull())
    .addColumn('rkey', text, (col) => col.notNull())
    .addColumn('epoch', 'integer', (col) => col.notNull())
    .execute()
  await schema
    .createTable('enrollment_boundary')
    .addColumn('did', text, (col) => col.notNull().references('enrollment.did').onDelete('cascade'))
    .addColumn('boundary', text, (col) => col.notNull())
    .addPrimaryKeyConstraint('enrollment_boundary_pk', ['did', 'boundary'])
    .execute()
  await schema
    .createTable('oauth_state')
    .addColumn('key', text, (col) => col.primaryKey())
    .addColumn('state', text, (col) => col.notNull())
    .addColumn('created_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await schema
    .createTable('oauth_session')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('session', text, (col) => col.notNull())
    .execute()
  await schema
    .createTable('session_key')
    .addColumn('jkt', text, (col) => col.primaryKey())
    .addColumn('did', text, (col) => col.notNull())
    .addColumn('created_at_ms', 'bigint', (col) => col.notNull())
    .addColumn('expires_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await schema.createIndex('session_key_did').on('session_key').columns(['did', 'created_at_ms']).execute()
  await schema
    .createTable('replay')
    .addColumn('key', text, (col) => col.primaryKey())
    .addColumn('expires_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await schema.createIndex('replay_expiry').on('replay').column('expires_at_ms').execute()
  await schema
    .createTable('secret')
    .addColumn('name', text, (col) => col.primaryKey())
    .addColumn('value', bytes, (col) => col.notNull())
    .execute()
  await schema
    .createTable('stub_backlog')
    .addColumn('did', text, (col) => col.primaryKey())
    .execute()
  await schema
    .createTable('write_rate')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('state', 'text', (col) => col.notNull())
    .addColumn('version', 'integer', (col) => col.notNull())
    .addColumn('idle_at_ms', 'bigint', (col) => col.notNull())
    .execute()
  await schema.createIndex('write_rate_idle').on('write_rate').column('idle_at_ms').execute()
}

async function createAuditTable(schema: SchemaModule, traits: DialectTraits): Promise<void> {
  await schema
    .createTable('audit')
    .addColumn('id', traits.serial.type, asCounter(traits))
    .addColumn('at_ms', 'bigint', (col) => col.notNull())
    .addColumn('actor', traits.text, (col) => col.notNull())
    .addColumn('action', traits.text, (col) => col.notNull())
    .addColumn('subject', traits.text)
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .execute()
  await schema.createIndex('audit_subject').on('audit').columns(['subject', 'id']).execute()
}

async function createApprovalTable(schema: SchemaModule, { text }: DialectTraits): Promise<void> {
  await schema
    .createTable('approval')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('boundaries', 'text')
    .addColumn('approved_at_ms', 'bigint', (col) => col.notNull())
    .execute()
}

async function createServiceKeyTable(schema: SchemaModule, traits: DialectTraits): Promise<void> {
  await schema
    .createTable('service_key')
    .addColumn('number', traits.serial.type, asCounter(traits))
    .addColumn('key', traits.text, (col) => col.notNull().unique())
    .addColumn('since_ms', 'bigint', (col) => col.notNull())
    .execute()
}

function asCounter({ serial }: DialectTraits) {
  return (col: ColumnDefinitionBuilder) =>
    serial.autoIncrement ? col.primaryKey().autoIncrement() : col.primaryKey()
}

async function createBlobBacklog(schema: SchemaModule, { text }: DialectTraits): Promise<void> {
  await schema
    .createTable('blob_backlog')
    .addColumn('did', text, (col) => col.primaryKey())
    .execute()
}

async function prepareServiceFeed(schema: SchemaModule, traits: DialectTraits): Promise<void> {
  const { text } = traits
  await addEventIndex(schema, traits)
  if (traits.actorsApart) {
    await schema
      .createTable('feed_backlog')
      .addColumn('did', text, (col) => col.primaryKey())
      .addColumn('seq', 'bigint', (col) => col.notNull())
      .execute()
    return
  }
  await schema
    .createTable('feed_inbox')
    .addColumn('id', 'bigserial', (col) => col.primaryKey())
    .addColumn('repo', 'integer', (col) => col.notNull())
    .addColumn('seq', 'bigint', (col) => col.notNull())
    .addColumn('at_ms', 'bigint', (col) => col.notNull())
    .addColumn('tags', text, (col) => col.notNull())
    .addColumn('weight', 'integer', (col) => col.notNull())
    .execute()
}

async function createStubLeases(schema: SchemaModule, { text }: DialectTraits): Promise<void> {
  await schema
    .createTable('stub_lease')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('holder', text, (col) => col.notNull())
    .addColumn('until_ms', 'bigint', (col) => col.notNull())
    .execute()
}

async function createTombstones(schema: SchemaModule, { text, byKey }: DialectTraits): Promise<void> {
  await schema
    .createTable('tombstone')
    .addColumn('did', text, (col) => col.primaryKey())
    .addColumn('unenrolled_at', text, (col) => col.notNull())
    .addColumn('last_seq', 'bigint', (col) => col.notNull())
    .addColumn('epoch', 'integer', (col) => col.notNull())
    .modifyEnd(byKey)
    .execute()
}
