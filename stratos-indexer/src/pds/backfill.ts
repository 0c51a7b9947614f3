import { setTimeout as pause } from 'node:timers/promises'
import { getPds, type IdResolver } from '@atproto/identity'
import { ENROLLMENT_COLLECTION, parseDid } from 'stratos-core'
import type { Config } from '../config.ts'
import { eachOf } from '../each-of.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import { Backoff } from '../stream/backoff.ts'
import type { Database } from '../tables/database.ts'
import type { BackfillTable } from '../tables/schema.ts'
import { iso } from '../tables/write-rows.ts'
import type { Announcements } from './announcements.ts'

export interface BackfillParts {
  /** PDS or relay. */
  readonly provider: string
  readonly config: Pick<Config, 'atOnce' | 'backfillEnrolledOnly' | 'reconnect'>
  readonly database: Database
  readonly resolver: IdResolver
  readonly fetch: SafeFetch
  readonly announcements: Announcements
  /** Nothing is read before the firehose tells of what comes afterwards. */
  readonly isFollowing: () => boolean
  readonly metrics: Metrics
  readonly logger: Logger
  readonly signal: AbortSignal
}

interface Page {
  readonly dids: readonly string[]
  /** null on the last one. */
  readonly next: string | null
}

const EVERY_MS = 500
const PAGE = 100

/**
 * Reads the enrollment records that the firehose does not tell of, because they are older than where it was first followed, or
 * because it was not followed for too long. How far it got is kept, so that a restart goes on from there.
 */
export class Backfill {
  readonly #parts: BackfillParts
  readonly #scope: string

  constructor(parts: BackfillParts) {
    this.#parts = parts
    this.#scope = parts.config.backfillEnrolledOnly ? 'enrolled' : 'all'
  }

  /** Begins at the beginning, also if one is under way. */
  async request(): Promise<void> {
    const row = { scope: this.#scope, after: '', repos: 0, finishedAt: null }
    await this.#parts.database.db
      .insertInto('stratos_backfill')
      .values({ provider: this.#parts.provider, ...row })
      .onConflict((conflict) => conflict.column('provider').doUpdateSet(row))
      .execute()
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    const { config, isFollowing, logger, provider, signal } = this.#parts
    const backoff = new Backoff(config.reconnect, signal)
    while (!signal.aborted) {
      try {
        if (isFollowing()) await this.#goOn()
        backoff.reset()
        await pause(EVERY_MS, undefined, { signal }).catch(() => undefined)
      } catch (err) {
        if (signal.aborted) return
        logger.warn({ err, provider }, 'the backfill is interrupted')
        await backoff.wait()
      }
    }
  }

  async #goOn(): Promise<void> {
    const { config, logger, provider, signal } = this.#parts
    for (;;) {
      const state = await this.#find()
      if (state === null || state.finishedAt !== null) return
      signal.throwIfAborted()
      const page =
        this.#scope === 'all' ? await this.#listRepos(state.after) : await this.#listEnrolled(state.after)
      await eachOf(page.dids, config.atOnce, (did) => this.#readRepo(did))
      const repos = state.repos + page.dids.length
      await this.#keep(state, page.next, repos)
      logger.info({ provider, repos, finished: page.next === null }, 'reading enrollment records')
    }
  }

  async #find(): Promise<BackfillTable | null> {
    const query = this.#parts.database.db.selectFrom('stratos_backfill').selectAll()
    const row = await query.where('provider', '=', this.#parts.provider).executeTakeFirst()
    // One of all repos is one of those that are enrolled, too.
    if (row === undefined || row.scope === this.#scope || row.scope === 'all') return row ?? null
    await this.request()
    return this.#find()
  }

  async #keep({ provider, after }: BackfillTable, next: string | null, repos: number): Promise<void> {
    const finished = next === null ? { finishedAt: iso(Date.now()) } : { after: next }
    await this.#parts.database.db
      .updateTable('stratos_backfill')
      .set({ ...finished, repos })
      .where('provider', '=', provider)
      // Otherwise somebody has asked for a new one.
      .where('after', '=', after)
      .execute()
  }

  async #listRepos(after: string): Promise<Page> {
    const { provider } = this.#parts
    const query = { limit: String(PAGE), ...(after === '' ? {} : { cursor: after }) }
    const body = await this.#get(provider, 'com.atproto.sync.listRepos', query)
    const repos = listOf(body['repos'])
    const dids = repos.flatMap(({ did, active }) => (active === false ? [] : parseDid(String(did))))
    const { cursor } = body
    const goesOn = typeof cursor === 'string' && cursor !== after && repos.length > 0
    return { dids, next: goesOn ? cursor : null }
  }

  async #listEnrolled(after: string): Promise<Page> {
    const rows = await this.#parts.database.db
      .selectFrom('stratos_enrollment')
      .select('did')
      .distinct()
      .where('did', '>', after)
      .orderBy('did')
      .limit(PAGE)
      .execute()
    const dids = rows.map(({ did }) => did)
    return { dids, next: dids.length < PAGE ? null : (dids.at(-1) ?? null) }
  }

  async #readRepo(did: string): Promise<void> {
    const { resolver, announcements, metrics, logger } = this.#parts
    let records: readonly Readonly<Record<string, unknown>>[]
    try {
      const document = await resolver.did.resolve(did)
      const pds = document === null ? undefined : getPds(document)
      if (pds === undefined) throw new Error('the account has no PDS')
      const query = { repo: did, collection: ENROLLMENT_COLLECTION, limit: '100' }
      records = listOf((await this.#get(pds, 'com.atproto.repo.listRecords', query))['records'])
    } catch (err) {
      // A PDS that is gone must not end the reading of all others.
      metrics.add('stratos_indexer_backfilled_repos_total', { outcome: 'failed' })
      return logger.warn({ err, did }, 'the enrollment records of an account could not be read')
    }
    for (const { uri, value } of records) {
      await announcements.recordFound(did, String(uri).split('/').at(-1) ?? '', value)
    }
    metrics.add('stratos_indexer_backfilled_repos_total', { outcome: 'read' })
  }

  async #get(
    server: string,
    nsid: string,
    query: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const url = new URL(`/xrpc/${nsid}?${new URLSearchParams(query).toString()}`, server)
    const answer = await this.#parts.fetch(url)
    if (!answer.ok) throw new Error(`${nsid} was answered with ${answer.status}`)
    const body: unknown = await answer.json()
    return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {}
  }
}

function listOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return []
  return value.filter((entry) => typeof entry === 'object' && entry !== null)
}
