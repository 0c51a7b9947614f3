import type { ServicePlace } from '../identity/service-place.ts'
import type { RecordRow } from '../record-rows.ts'
import type { RepoSnapshot } from '../snapshot/read-repo.ts'
import type { Database, Db, Tx } from './database.ts'
import {
  clearRecords,
  iso,
  purgeEnrollments,
  purgeRepos,
  writeEnrollment,
  writeRecords,
} from './write-rows.ts'

export interface RepoReading {
  readonly did: string
  /** null if it is no part of reading all repos. */
  readonly run: string | null
  readonly snapshot: RepoSnapshot
  readonly enrolledAt: string
  readonly boundaries: readonly string[]
}

/** Makes the rows of a repo what the repo was when it was read. Only what differs is written. */
export async function writeRepo(
  tx: Tx,
  service: ServicePlace,
  reading: RepoReading,
  nowMs: number,
): Promise<void> {
  const { did, run, snapshot, enrolledAt, boundaries } = reading
  const present = await tx
    .selectFrom('stratos_record')
    .select(['uri', 'cid'])
    .where('did', '=', did)
    .where('service', '=', service.did)
    .execute()
  const cids = new Map(present.map(({ uri, cid }) => [uri, cid]))
  const changes = new Map<string, RecordRow | null>()
  for (const uri of cids.keys()) if (!snapshot.rows.has(uri)) changes.set(uri, null)
  for (const [uri, row] of snapshot.rows) if (cids.get(uri) !== row.cid) changes.set(uri, row)
  // Whatever is left of records that are not there: a reading mends what somebody broke.
  await clearRecords(
    tx,
    service.did,
    [...changes.keys()].filter((uri) => !cids.has(uri)),
  )
  await writeRecords(tx, service.did, changes, nowMs)

  const now = iso(nowMs)
  await writeEnrollment(tx, service, { did, boundaries, enrolledAt, lastChecked: now })
  await tx
    .insertInto('stratos_repo')
    .values({ did, service: service.did, rev: snapshot.rev, run: run ?? '' })
    .onConflict((conflict) =>
      conflict
        .columns(['did', 'service'])
        .doUpdateSet({ rev: snapshot.rev, ...(run === null ? {} : { run }) }),
    )
    .execute()
  await tx
    .deleteFrom('stratos_dead_letter')
    .where('service', '=', service.did)
    .where('did', '=', did)
    .execute()
  for (const { path, reason } of snapshot.unusable.slice(0, 1_000)) {
    await tx
      .insertInto('stratos_dead_letter')
      .values({ service: service.did, did, seq: 0, path, reason, at: now })
      .execute()
  }
}

/** Accounts with rows of a service that a reading of all its repos has not met. */
export async function listUnread(db: Db, service: string, run: string): Promise<string[]> {
  const withRows = db
    .selectFrom('stratos_record')
    .select('did')
    .where('service', '=', service)
    .union(db.selectFrom('stratos_enrollment').select('did').where('service', '=', service))
    .union(db.selectFrom('stratos_repo').select('did').where('service', '=', service))
  const [all, read] = [await withRows.execute(), await listRead(db, service, run)]
  return all.map(({ did }) => did).filter((did) => !read.has(did))
}

export async function listRead(db: Db, service: string, run: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom('stratos_repo')
    .select('did')
    .where('service', '=', service)
    .where('run', '=', run)
    .execute()
  return new Set(rows.map(({ did }) => did))
}

/** Takes everything away that an account has on a service, its enrollment too. */
export async function removeAccount(tx: Tx, service: string, did: string): Promise<void> {
  await purgeEnrollments(tx, service, [did])
  await purgeRepos(tx, service, [did])
}

/**
 * Nothing may be written of somebody who has left in the meantime, as another stream told. Until the transaction ends, nobody
 * can take the enrollment away.
 */
export async function assertEnrolled(
  tx: Tx,
  { kind }: Database,
  { did, service }: { readonly did: string; readonly service: string },
): Promise<void> {
  const row = await tx
    .selectFrom('stratos_enrollment')
    .select('did')
    .where('did', '=', did)
    .where('service', '=', service)
    .$if(kind === 'postgres', (query) => query.forShare())
    .executeTakeFirst()
  if (row === undefined) throw new Error('the account has left')
}
