import type { AllowListStore, Did, KnownAccounts } from 'stratos-core'
import { reasonOf, type Logger } from '../logger.ts'
import { fetchAllowList } from './fetch-allow-list.ts'
import type { SafeFetch } from './safe-fetch.ts'

export interface AllowListOptions {
  readonly uri: string
  readonly fetch: SafeFetch
  readonly store: AllowListStore
  /** How often the source is asked. */
  readonly refreshMs: number
  /** For how long a list counts that its source does not confirm. */
  readonly maxStaleMs: number
  readonly logger: Logger
  readonly nowMs: () => number
}

/** How often an instance looks at what another one may have fetched. */
const SYNC_MS = 5_000
/** After an answer that is no list; several instances keep this distance together. */
const RETRY_MS = 60_000
const REPORT_EVERY_MS = 60_000

/**
 * Accounts that may enroll, by a list at a web address. A list that cannot be fetched, or is none, leaves the last good one
 * in force; when that has not been confirmed for too long, nobody is on it any more.
 */
export class AllowList {
  readonly #options: AllowListOptions
  /** Where the list comes from, without a query, which may hold a secret. */
  readonly #source: string
  readonly #reportedAtMs = new Map<string, number>()
  #known: KnownAccounts | null = null
  #timer: NodeJS.Timeout | undefined
  #aloneUntilMs = 0
  #busy: Promise<void> = Promise.resolve()

  constructor(options: AllowListOptions) {
    this.#options = options
    const { origin, pathname } = new URL(options.uri)
    this.#source = `${origin}${pathname}`
  }

  /** Takes up the last good list and asks for a newer one. */
  async start(): Promise<void> {
    await this.refresh()
    this.#timer = setInterval(() => void this.refresh(), Math.min(SYNC_MS, this.#options.refreshMs))
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#busy
  }

  async has(did: Did): Promise<boolean> {
    const { nowMs, maxStaleMs } = this.#options
    return this.#known !== null && ageMs(this.#known, nowMs()) <= maxStaleMs && this.#known.dids.has(did)
  }

  /** Brings the list up to date if that is due. Never fails: what goes wrong is logged. */
  async refresh(): Promise<void> {
    this.#busy = this.#busy.then(() => this.#refresh())
    return this.#busy
  }

  async #refresh(): Promise<void> {
    const { store } = this.#options
    try {
      const shared = await store.load()
      if (shared !== null && shared.checkedAtMs >= (this.#known?.checkedAtMs ?? 0)) this.#known = shared
    } catch (err) {
      this.#report('the allow list cannot be loaded', err)
    }
    try {
      if (await this.#mayAsk()) await this.#ask()
    } catch (err) {
      this.#report('the allow list cannot be fetched', err)
    }
  }

  async #mayAsk(): Promise<boolean> {
    const { store, refreshMs, nowMs } = this.#options
    if (this.#known !== null && ageMs(this.#known, nowMs()) < refreshMs) return false
    const forMs = Math.min(refreshMs, RETRY_MS)
    try {
      return await store.claim(forMs)
    } catch (err) {
      this.#report('instances cannot agree on who fetches the allow list', err)
    }
    if (nowMs() < this.#aloneUntilMs) return false
    this.#aloneUntilMs = nowMs() + forMs
    return true
  }

  async #ask(): Promise<void> {
    const { fetch, uri, store, logger, nowMs } = this.#options
    const fetched = await fetchAllowList(fetch, uri, this.#known?.etag ?? null)
    const checkedAtMs = nowMs()
    if (fetched !== null) {
      this.#known = { dids: fetched.dids, etag: fetched.etag, checkedAtMs }
      const { dids, skipped } = fetched
      logger.info({ source: this.#source, accounts: dids.size, skipped }, 'allow list fetched')
    } else if (this.#known !== null) this.#known = { ...this.#known, checkedAtMs }
    if (this.#known === null) return
    try {
      await store.save(this.#known)
    } catch (err) {
      this.#report('the allow list cannot be kept', err)
    }
  }

  #report(what: string, err: unknown): void {
    const { logger, nowMs } = this.#options
    if (nowMs() - (this.#reportedAtMs.get(what) ?? 0) < REPORT_EVERY_MS) return
    this.#reportedAtMs.set(what, nowMs())
    const checkedAt = this.#known === null ? null : new Date(this.#known.checkedAtMs).toISOString()
    logger.warn({ reason: reasonOf(err), source: this.#source, checkedAt }, what)
  }
}

/** A list from the future, which a clock that was set back leaves behind, is older than any. */
function ageMs({ checkedAtMs }: KnownAccounts, nowMs: number): number {
  return checkedAtMs <= nowMs + RETRY_MS ? nowMs - checkedAtMs : Infinity
}
