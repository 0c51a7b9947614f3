import { randomUUID } from 'node:crypto'
import { isQualified, parseDid, StratosError } from 'stratos-core'
import { ServiceAnswerError, type ServiceClient } from '../identity/service-client.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import {
  assertEnrolled,
  listRead,
  listUnread,
  removeAccount,
  writeRepo,
  type RepoReading,
} from '../tables/repo-rows.ts'
import { iso } from '../tables/write-rows.ts'
import { readRepo, type RepoSnapshot } from './read-repo.ts'

const REPORT_EVERY = 100

export interface ResyncParts {
  readonly database: Database
  readonly client: ServiceClient
  readonly logger: Logger
  readonly metrics: Metrics
  readonly signal: AbortSignal
}

/** Notes down that the stream of a service has a gap. Until it is closed, every start goes on closing it. */
export async function requestResync({ db }: Database, service: string, reason: string): Promise<void> {
  await db
    .insertInto('stratos_resync')
    .values({ service, run: randomUUID(), reason })
    // One that is under way would miss what its repos have become since.
    .onConflict((conflict) => conflict.column('service').doUpdateSet({ run: randomUUID(), reason }))
    .execute()
}

/**
 * Reads all repos of a service whole, if that was asked for. Repos that were read before a restart are not read again.
 *
 * @returns whether there was a gap
 */
export async function closeGap(parts: ResyncParts): Promise<boolean> {
  const { database, client, logger, metrics, signal } = parts
  const { did: service } = client.place
  const asked = await database.db
    .selectFrom('stratos_resync')
    .selectAll()
    .where('service', '=', service)
    .executeTakeFirst()
  if (asked === undefined) return false
  const { run, reason } = asked
  logger.warn({ service, reason }, 'reading all repos of the service')
  metrics.add('stratos_indexer_resyncs_total', { service })

  const read = await listRead(database.db, service, run)
  let repos = read.size
  for await (const did of listRepos(client)) {
    signal.throwIfAborted()
    if (read.has(did)) continue
    await readAccount(parts, did, run)
    repos += 1
    if (repos % REPORT_EVERY === 0) logger.info({ service, repos }, 'reading all repos of the service')
  }
  for (const did of await listUnread(database.db, service, run)) {
    await database.db.transaction().execute((tx) => removeAccount(tx, service, did))
  }
  await database.db
    .deleteFrom('stratos_resync')
    .where('service', '=', service)
    .where('run', '=', run)
    .execute()
  logger.info({ service, repos }, 'read all repos of the service')
  return true
}

/** Makes the rows of one account what the service has of it. @param run null if it is no part of reading all repos */
export async function readAccount(parts: ResyncParts, did: string, run: string | null): Promise<void> {
  const { database, client, metrics, logger } = parts
  const { place } = client
  const found = await findAccount(client, did)
  if (found?.fault != null) logger.error({ err: found.fault, service: place.did, did }, 'a repo is unusable')
  await database.db.transaction().execute(async (tx) => {
    // Reading all repos is followed by what happened meanwhile; reading one goes on beside it.
    if (run === null) await assertEnrolled(tx, database, { did, service: place.did })
    if (found === null) await removeAccount(tx, place.did, did)
    else await writeRepo(tx, place, { did, run, ...found }, Date.now())
  })
  metrics.add('stratos_indexer_repos_read_total', { service: place.did })
  const letters = found?.snapshot.unusable.length ?? 0
  if (letters > 0) metrics.add('stratos_indexer_dead_letters_total', { service: place.did }, letters)
}

type FoundAccount = Omit<RepoReading, 'did' | 'run'> & { readonly fault: StratosError | null }

/** @returns null for an account that has left */
async function findAccount(client: ServiceClient, did: string): Promise<FoundAccount | null> {
  try {
    // The enrollment first: a repo without one is not ours to keep.
    const status = await client.json('zone.stratos.enrollment.status', { did })
    if (status['enrolled'] !== true) return null
    const told = Array.isArray(status['boundaries']) ? status['boundaries'] : []
    const boundaries = told.map((entry) => memberOrSelf(entry)).filter(isQualified)
    const atMs = Date.parse(String(status['enrolledAt']))
    const enrollment = { boundaries, enrolledAt: iso(Number.isFinite(atMs) ? atMs : Date.now()) }
    const car = await client.bytes('zone.stratos.sync.getRepo', { did })
    return { ...enrollment, ...(await readOrSetAside(car, did)) }
  } catch (err) {
    if (err instanceof ServiceAnswerError && err.code === 'RepoNotFound') return null
    throw err
  }
}

/**
 * Whoever makes a repo that cannot be read must not stand in the way of everybody else: nothing of it holds then, and a dead
 * letter tells so.
 */
async function readOrSetAside(
  car: AsyncIterable<Uint8Array>,
  did: string,
): Promise<{ readonly snapshot: RepoSnapshot; readonly fault: StratosError | null }> {
  try {
    return { snapshot: await readRepo(car, did, Date.now()), fault: null }
  } catch (err) {
    if (!(err instanceof StratosError)) throw err
    const unusable = [{ path: '', reason: err.message }]
    return { snapshot: { rev: '', rows: new Map(), unusable }, fault: err }
  }
}

function memberOrSelf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null && 'value' in entry ? entry.value : entry
}

async function* listRepos(client: ServiceClient): AsyncGenerator<string> {
  let cursor: unknown
  do {
    const params = { limit: '500', ...(typeof cursor === 'string' ? { cursor } : {}) }
    const page = await client.json('com.atproto.sync.listRepos', params)
    const repos: readonly unknown[] = Array.isArray(page['repos']) ? page['repos'] : []
    for (const repo of repos) {
      if (typeof repo === 'object' && repo !== null && 'did' in repo) yield parseDid(String(repo.did))
    }
    // A page that leads to itself would never end.
    if (page['cursor'] === cursor || repos.length === 0) return
    cursor = page['cursor']
  } while (typeof cursor === 'string')
}
