import type { Kysely } from 'kysely'
import type { RecordChanges, RecordEntry, RecordKey } from 'stratos-core'
import { pages } from './pages.ts'
import { isOneOf } from './record-keys.ts'
import type { ActorTables } from './schema.ts'
import { together } from './transaction.ts'

/** Everything that is told of records besides what they are. */
const SATELLITES = ['record_boundary', 'record_blob', 'backlink'] as const

/** Writes what one commit changes in the tables of records, in as few statements as it takes. */
export async function applyRecordChanges(
  db: Kysely<ActorTables>,
  repo: number,
  { created, updated, deleted }: RecordChanges,
): Promise<void> {
  const rowOf = ({ collection, rkey, cid, rev }: RecordEntry) => ({ repo, collection, rkey, cid, rev })
  await together([
    ...pages([...updated, ...deleted]).flatMap((keys) =>
      SATELLITES.map((table) => db.deleteFrom(table).where('repo', '=', repo).where(isOneOf(keys)).execute()),
    ),
    ...pages(deleted).map((keys) =>
      db.deleteFrom('record').where('repo', '=', repo).where(isOneOf(keys)).execute(),
    ),
    ...pages(created.map(rowOf)).map((rows) => db.insertInto('record').values(rows).execute()),
    ...pages(updated.map(rowOf)).map((rows) =>
      db
        .insertInto('record')
        .values(rows)
        .onConflict((conflict) =>
          conflict.columns(['repo', 'collection', 'rkey']).doUpdateSet((eb) => ({
            cid: eb.ref('excluded.cid'),
            rev: eb.ref('excluded.rev'),
          })),
        )
        .execute(),
    ),
    ...insertSatellites(db, repo, [...created, ...updated]),
  ])
}

function insertSatellites(
  db: Kysely<ActorTables>,
  repo: number,
  entries: readonly RecordEntry[],
): Promise<unknown>[] {
  const keyOf = ({ collection, rkey }: RecordKey) => ({ repo, collection, rkey })
  const boundaries = entries.flatMap((entry) =>
    entry.boundaries.map((boundary) => ({ ...keyOf(entry), boundary })),
  )
  const blobs = entries.flatMap((entry) => entry.blobs.map((cid) => ({ ...keyOf(entry), cid })))
  const links = entries.flatMap((entry) => entry.links.map((link) => ({ ...keyOf(entry), ...link })))
  return [
    ...pages(boundaries).map((rows) => db.insertInto('record_boundary').values(rows).execute()),
    ...pages(blobs).map((rows) => db.insertInto('record_blob').values(rows).execute()),
    ...pages(links).map((rows) => db.insertInto('backlink').values(rows).execute()),
  ]
}
