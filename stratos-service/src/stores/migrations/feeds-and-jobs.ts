import type { SchemaModule } from 'kysely'
import type { DialectTraits } from '../dialect.ts'

/** Creates the tables that service and actor databases have in common. */
export async function createFeedsAndJobs(
  schema: SchemaModule,
  { text, bytes, byKey }: DialectTraits,
): Promise<void> {
  await schema
    .createTable('feed')
    .addColumn('feed', text, (col) => col.primaryKey())
    .addColumn('last_seq', 'bigint', (col) => col.notNull())
    .modifyEnd(byKey)
    .execute()
  await schema
    .createTable('event')
    .addColumn('feed', text, (col) => col.notNull())
    .addColumn('seq', 'bigint', (col) => col.notNull())
    .addColumn('at_ms', 'bigint', (col) => col.notNull())
    .addColumn('body', bytes, (col) => col.notNull())
    .addPrimaryKeyConstraint('event_pk', ['feed', 'seq'])
    .modifyEnd(byKey)
    .execute()
  await schema
    .createTable('job')
    .addColumn('queue', text, (col) => col.notNull())
    .addColumn('key', text, (col) => col.notNull())
    .addColumn('position', 'bigint', (col) => col.notNull())
    .addColumn('payload', 'text', (col) => col.notNull())
    .addColumn('version', 'integer', (col) => col.notNull())
    .addColumn('attempts', 'integer', (col) => col.notNull())
    .addColumn('next_attempt_at_ms', 'bigint', (col) => col.notNull())
    .addColumn('last_error', 'text')
    .addColumn('given_up', 'integer', (col) => col.notNull())
    .addPrimaryKeyConstraint('job_pk', ['queue', 'key'])
    .modifyEnd(byKey)
    .execute()
  await schema.createIndex('job_order').on('job').columns(['queue', 'position']).execute()
}

/** Lets events be selected, and their sizes be known, without a look into them. */
export async function addEventIndex(schema: SchemaModule, { text }: DialectTraits): Promise<void> {
  await schema
    .alterTable('event')
    .addColumn('tags', text, (col) => col.notNull().defaultTo(''))
    .execute()
  await schema
    .alterTable('event')
    .addColumn('weight', 'integer', (col) => col.notNull().defaultTo(0))
    .execute()
}
