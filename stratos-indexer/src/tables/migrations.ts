import type { CreateTableBuilder, Kysely } from 'kysely'
import type { Tables } from './schema.ts'

/** What differs between the databases. */
export interface ColumnTypes {
  readonly bytes: 'blob' | 'bytea'
  readonly big: 'integer' | 'bigint'
  readonly id: 'integer' | 'bigserial'
}

export interface Migration {
  readonly name: string
  up(db: Kysely<Tables>, types: ColumnTypes): Promise<void>
}

/** Oldest first. A version is the number of those that were applied; what was released is not changed. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'first tables',
    async up({ schema }, { bytes, big, id }) {
      await texts(schema.createTable('stratos_record'), 'uri', 'service', 'cid', 'did', 'collection', 'rkey')
        .addColumn('record', bytes, (column) => column.notNull())
        .addColumn('indexedAt', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('stratos_record_pk', ['uri', 'service'])
        .execute()
      await schema
        .createIndex('stratos_record_by_repo')
        .on('stratos_record')
        .columns(['did', 'service', 'collection', 'rkey'])
        .execute()

      await texts(
        schema.createTable('stratos_record_boundary'),
        'uri',
        'service',
        'boundary',
        'did',
        'collection',
      )
        .addPrimaryKeyConstraint('stratos_record_boundary_pk', ['uri', 'service', 'boundary'])
        .execute()
      await schema
        .createIndex('stratos_record_boundary_by_boundary')
        .on('stratos_record_boundary')
        .columns(['boundary', 'collection', 'uri'])
        .execute()
      await schema
        .createIndex('stratos_record_boundary_by_repo')
        .on('stratos_record_boundary')
        .columns(['did', 'service'])
        .execute()

      await texts(schema.createTable('stratos_post'), 'uri', 'service', 'cid', 'rkey', 'creator', 'text')
        .addColumn('replyRoot', 'text')
        .addColumn('replyRootCid', 'text')
        .addColumn('replyParent', 'text')
        .addColumn('replyParentCid', 'text')
        .addColumn('embed', 'text')
        .addColumn('facets', 'text')
        .addColumn('langs', 'text')
        .addColumn('labels', 'text')
        .addColumn('tags', 'text')
        .addColumn('createdAt', 'text', (column) => column.notNull())
        .addColumn('indexedAt', 'text', (column) => column.notNull())
        .addColumn('sortAt', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('stratos_post_pk', ['uri', 'service'])
        .execute()
      await schema
        .createIndex('stratos_post_by_creator')
        .on('stratos_post')
        .columns(['creator', 'sortAt', 'uri'])
        .execute()
      await schema
        .createIndex('stratos_post_by_parent')
        .on('stratos_post')
        .columns(['replyParent', 'sortAt'])
        .where('replyParent', 'is not', null)
        .execute()
      await schema
        .createIndex('stratos_post_by_root')
        .on('stratos_post')
        .columns(['replyRoot', 'sortAt'])
        .where('replyRoot', 'is not', null)
        .execute()

      await texts(
        schema.createTable('stratos_post_boundary'),
        'uri',
        'service',
        'boundary',
        'creator',
        'sortAt',
      )
        .addPrimaryKeyConstraint('stratos_post_boundary_pk', ['uri', 'service', 'boundary'])
        .execute()
      await schema
        .createIndex('stratos_post_boundary_timeline')
        .on('stratos_post_boundary')
        .columns(['boundary', 'sortAt', 'uri'])
        .execute()
      await schema
        .createIndex('stratos_post_boundary_by_creator')
        .on('stratos_post_boundary')
        .columns(['creator', 'boundary', 'sortAt', 'uri'])
        .execute()

      await texts(
        schema.createTable('stratos_enrollment'),
        'did',
        'service',
        'serviceUrl',
        'enrolledAt',
        'lastChecked',
        'boundaries',
      )
        .addPrimaryKeyConstraint('stratos_enrollment_pk', ['did', 'service'])
        .execute()
      await texts(schema.createTable('stratos_enrollment_boundary'), 'did', 'service', 'boundary')
        .addPrimaryKeyConstraint('stratos_enrollment_boundary_pk', ['did', 'service', 'boundary'])
        .execute()
      await texts(schema.createTable('stratos_actor'), 'did')
        .addColumn('handle', 'text')
        .addColumn('checkedAt', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('stratos_actor_pk', ['did'])
        .execute()

      await texts(schema.createTable('stratos_sync_cursor'), 'stream', 'service', 'did')
        .addColumn('seq', big, (column) => column.notNull())
        .addColumn('updatedAt', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('stratos_sync_cursor_pk', ['stream', 'service', 'did'])
        .execute()
      await texts(schema.createTable('stratos_resync'), 'service', 'run', 'reason')
        .addPrimaryKeyConstraint('stratos_resync_pk', ['service'])
        .execute()
      await texts(schema.createTable('stratos_repo'), 'did', 'service', 'rev', 'run')
        .addPrimaryKeyConstraint('stratos_repo_pk', ['did', 'service'])
        .execute()
      const letters = schema
        .createTable('stratos_dead_letter')
        .addColumn('id', id, (column) => column.primaryKey())
      await texts(letters, 'service', 'did', 'path', 'reason', 'at')
        .addColumn('seq', big, (column) => column.notNull())
        .execute()
      await schema
        .createIndex('stratos_dead_letter_by_repo')
        .on('stratos_dead_letter')
        .columns(['service', 'did'])
        .execute()
    },
  },
  {
    name: 'what accounts say on their PDSes',
    async up({ schema }, { big }) {
      await texts(
        schema.createTable('stratos_announcement'),
        'did',
        'rkey',
        'service',
        'boundaries',
        'attestedAt',
      )
        .addPrimaryKeyConstraint('stratos_announcement_pk', ['did', 'rkey'])
        .execute()
      await texts(schema.createTable('stratos_backfill'), 'provider', 'scope', 'after')
        .addColumn('repos', big, (column) => column.notNull())
        .addColumn('finishedAt', 'text')
        .addPrimaryKeyConstraint('stratos_backfill_pk', ['provider'])
        .execute()
    },
  },
]

function texts<T extends string>(
  table: CreateTableBuilder<T, string>,
  ...names: readonly string[]
): CreateTableBuilder<T, string> {
  return names.reduce((made, name) => made.addColumn(name, 'text', (column) => column.notNull()), table)
}
