import type { Kysely } from 'kysely'
import type { RecordChanges, RecordEntry, RecordKey } from 'stratos-core'
import { pieces } from './pages.ts'
import { isOneOf } from './record-keys.ts'
import type { ActorTables } from './schema.ts'
import type { Statements } from './statements.ts'
import { together } from './transaction.ts'

/** Everything that is told of records besides what they are. */
const SATELLITES = ['record_boundary', 'record_blob', 'backlink'] as const

/** Writes what one commit changes in the tables of records. */
export async function applyRecordChanges(
  db: Kysely<ActorTables>,
  repo: number,
  { created, updated, deleted }: RecordChanges,
  statements: Statements,
): Promise<void> {
  const rowOf = ({ collection, rkey, cid, rev }: RecordEntry) => ({ repo, collection, rkey, cid, rev })
  const drop = (table: 'record' | (typeof SATELLITES)[number], keys: readonly RecordKey[]) =>
    statements.run(db, `drop ${table}`, { repo, keys: keys.map(keyOf) }, (dropped) =>
      db.deleteFrom(table).where('repo', '=', dropped.repo).where(isOneOf(dropped.keys)),
    )
  const replace = (rows: readonly Readonly<ActorTables['record']>[]) =>
    statements.run(db, 'replace record', rows, (replaced) =>
      db
        .insertInto('record')
        .values(replaced)
        .onConflict((conflict) =>
          conflict.columns(['repo', 'collection', 'rkey']).doUpdateSet((eb) => ({
            cid: eb.ref('excluded.cid'),
            rev: eb.ref('excluded.rev'),
          })),
        ),
    )
  const entries = [...created, ...updated]
  const boundaries = entries.flatMap((entry) =>
    entry.boundaries.map((boundary) => ({ repo, ...keyOf(entry), boundary })),
  )
  const blobs = entries.flatMap((entry) => entry.blobs.map((cid) => ({ repo, ...keyOf(entry), cid })))
  const links = entries.flatMap((entry) => entry.links.map((link) => ({ repo, ...keyOf(entry), ...link })))
  await together([
    ...pieces([...updated, ...deleted]).flatMap((keys) => SATELLITES.map((table) => drop(table, keys))),
    ...pieces(deleted).map((keys) => drop('record', keys)),
    ...pieces(created.map(rowOf)).map((rows) =>
      statements.run(db, 'add record', rows, (added) => db.insertInto('record').values(added)),
    ),
    ...pieces(updated.map(rowOf)).map(replace),
    ...pieces(boundaries).map((rows) =>
      statements.run(db, 'add record_boundary', rows, (added) =>
        db.insertInto('record_boundary').values(added),
      ),
    ),
    ...pieces(blobs).map((rows) =>
      statements.run(db, 'add record_blob', rows, (added) => db.insertInto('record_blob').values(added)),
    ),
    ...pieces(links).map((rows) =>
      statements.run(db, 'add backlink', rows, (added) => db.insertInto('backlink').values(added)),
    ),
  ])
}

function keyOf({ collection, rkey }: RecordKey): {
  collection: RecordKey['collection']
  rkey: RecordKey['rkey']
} {
  return { collection, rkey }
}
