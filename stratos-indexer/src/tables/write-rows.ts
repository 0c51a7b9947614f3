import type { ServicePlace } from '../identity/service-place.ts'
import type { RowChanges } from '../index-commit.ts'
import type { RecordRow } from '../record-rows.ts'
import type { Tx } from './database.ts'
import type { PostTable } from './schema.ts'

/** Rows per statement: a row of a post has 18 parameters, and SQLite takes 32,766. */
const AT_ONCE = 400

/** Tables with rows of a repo, and the column that says whose. */
const REPO_TABLES = [
  ['stratos_post_boundary', 'creator'],
  ['stratos_post', 'creator'],
  ['stratos_record_boundary', 'did'],
  ['stratos_record', 'did'],
  ['stratos_repo', 'did'],
  ['stratos_dead_letter', 'did'],
] as const
const RECORD_TABLES = [
  'stratos_post_boundary',
  'stratos_post',
  'stratos_record_boundary',
  'stratos_record',
] as const

/** Brings the tables to where a batch of events leaves them. Doing it twice changes nothing. */
export async function writeChanges(
  tx: Tx,
  service: ServicePlace,
  { purged, records, enrollments, unusable }: RowChanges,
  nowMs: number,
): Promise<void> {
  const now = iso(nowMs)
  // First: whoever is writing to these repos holds the enrollment until they are done.
  await purgeEnrollments(tx, service.did, [...purged])
  await purgeRepos(tx, service.did, [...purged])
  await writeRecords(tx, service.did, records, nowMs)
  for (const [did, { boundaries, atMs }] of enrollments) {
    await writeEnrollment(tx, service, { did, boundaries, enrolledAt: iso(atMs), lastChecked: now })
  }
  for (const part of parts(unusable)) {
    await tx
      .insertInto('stratos_dead_letter')
      .values(part.map((change) => ({ ...change, service: service.did, at: now })))
      .execute()
  }
}

/** Takes everything away that some accounts have on a service. */
export async function purgeRepos(tx: Tx, service: string, dids: readonly string[]): Promise<void> {
  for (const part of parts(dids)) {
    for (const [table, column] of REPO_TABLES) {
      const { ref } = tx.dynamic
      await tx.deleteFrom(table).where(ref(column), 'in', part).where('service', '=', service).execute()
    }
  }
}

export async function purgeEnrollments(tx: Tx, service: string, dids: readonly string[]): Promise<void> {
  for (const part of parts(dids)) {
    for (const table of ['stratos_enrollment', 'stratos_enrollment_boundary'] as const) {
      await tx.deleteFrom(table).where('did', 'in', part).where('service', '=', service).execute()
    }
  }
}

/** @param records by URI; null deletes */
export async function writeRecords(
  tx: Tx,
  service: string,
  records: ReadonlyMap<string, RecordRow | null>,
  nowMs: number,
): Promise<void> {
  for (const part of parts([...records])) {
    const uris = part.map(([uri]) => uri)
    const present = await tx
      .selectFrom('stratos_record')
      .select(['uri', 'indexedAt'])
      .where('service', '=', service)
      .where('uri', 'in', uris)
      .execute()
    const firstSeen = new Map(present.map(({ uri, indexedAt }) => [uri, indexedAt]))
    await clearRecords(tx, service, [...firstSeen.keys()])
    const rows = part.flatMap(([, row]) => row ?? [])
    await insertRecords(
      tx,
      service,
      rows,
      (row) => firstSeen.get(row.uri) ?? iso(Math.min(row.seenAtMs, nowMs)),
    )
  }
}

/** Takes all rows of some records away. */
export async function clearRecords(tx: Tx, service: string, uris: readonly string[]): Promise<void> {
  for (const part of parts(uris)) {
    for (const table of RECORD_TABLES) {
      await tx.deleteFrom(table).where('service', '=', service).where('uri', 'in', part).execute()
    }
  }
}

async function insertRecords(
  tx: Tx,
  service: string,
  rows: readonly RecordRow[],
  indexedAtOf: (row: RecordRow) => string,
): Promise<void> {
  if (rows.length === 0) return
  await tx
    .insertInto('stratos_record')
    .values(
      rows.map((row) => {
        const { uri, cid, did, collection, rkey, bytes } = row
        return { uri, service, cid, did, collection, rkey, record: bytes, indexedAt: indexedAtOf(row) }
      }),
    )
    .execute()
  const behind = rows.flatMap(({ uri, did, collection, boundaries }) =>
    boundaries.map((boundary) => ({ uri, service, boundary, did, collection })),
  )
  for (const part of parts(behind)) await tx.insertInto('stratos_record_boundary').values(part).execute()

  const posts = rows.flatMap((row) => buildPostRow(row, service, indexedAtOf(row)))
  if (posts.length === 0) return
  await tx
    .insertInto('stratos_post')
    .values(posts.map(({ row }) => row))
    .execute()
  const postsBehind = posts.flatMap(({ row: { uri, creator, sortAt }, boundaries }) =>
    boundaries.map((boundary) => ({ uri, service, boundary, creator, sortAt })),
  )
  for (const part of parts(postsBehind)) await tx.insertInto('stratos_post_boundary').values(part).execute()
}

function buildPostRow(
  { uri, cid, rkey, did, post, boundaries }: RecordRow,
  service: string,
  indexedAt: string,
): { row: PostTable; boundaries: readonly string[] }[] {
  if (post === null) return []
  const createdAt = post.createdAt ?? indexedAt
  const sortAt = createdAt < indexedAt ? createdAt : indexedAt
  return [
    { row: { ...post, uri, service, cid, rkey, creator: did, createdAt, indexedAt, sortAt }, boundaries },
  ]
}

export async function writeEnrollment(
  tx: Tx,
  service: ServicePlace,
  enrollment: { did: string; boundaries: readonly string[]; enrolledAt: string; lastChecked: string },
): Promise<void> {
  const { did, enrolledAt, lastChecked } = enrollment
  // A service speaks for its own boundaries alone.
  const boundaries = enrollment.boundaries.filter((boundary) => boundary.startsWith(`${service.did}/`))
  const told = { serviceUrl: service.url, lastChecked, boundaries: JSON.stringify(boundaries) }
  await tx
    .insertInto('stratos_enrollment')
    .values({ did, service: service.did, enrolledAt, ...told })
    // Other boundaries later on do not make the enrollment a new one.
    .onConflict((conflict) => conflict.columns(['did', 'service']).doUpdateSet(told))
    .execute()
  await tx
    .deleteFrom('stratos_enrollment_boundary')
    .where('did', '=', did)
    .where('service', '=', service.did)
    .execute()
  if (boundaries.length === 0) return
  await tx
    .insertInto('stratos_enrollment_boundary')
    .values(boundaries.map((boundary) => ({ did, service: service.did, boundary })))
    .execute()
}

export function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}

function parts<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / AT_ONCE) }, (_, index) =>
    list.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
  )
}
