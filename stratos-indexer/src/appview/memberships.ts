import { readJson } from '../identity/bounded-answer.ts'
import type { Db } from '../tables/database.ts'
import type { Viewer } from './viewer.ts'

/** Time that an answer of a service counts, from when it was asked. With the time to answer, it stays below 5 s. */
const FRESH_MS = 3_000
const TIMEOUT_MS = 2_000
const MAX_KEPT = 10_000
const METHOD = 'zone.stratos.identity.resolveEnrollments'

export interface MembershipOptions {
  readonly db: Db
  /** URLs of the services that are followed, by DID. Others are never asked. */
  readonly services: () => ReadonlyMap<string, string>
  /** Makes a token of this process for one method of one service. */
  readonly serviceToken: (audience: string, method: string) => Promise<string>
  readonly fetch: typeof globalThis.fetch
  readonly nowMs: () => number
  /** Told when a service does not answer; nobody is a member then. */
  readonly onFailure: (service: string, err: unknown) => void
}

interface Kept {
  readonly askedAtMs: number
  readonly boundaries: Promise<Answer>
}

/** Boundaries of an account; null if it is not enrolled. */
type Answer = readonly string[] | null | 'unanswered'

/** None of the services on which an account is enrolled has said what it may read. */
export class MembershipsUnknownError extends Error {
  override name = 'MembershipsUnknownError'
  readonly retryAfterSec = Math.ceil(FRESH_MS / 1000)

  constructor() {
    super('the service that keeps your posts does not answer right now')
  }
}

/** Knows what accounts may read: the tables say which services to ask, and the services say what holds now. */
export class Memberships {
  readonly #options: MembershipOptions
  readonly #kept = new Map<string, Kept>()

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /**
   * Takes up to 2 s when services do not answer; what they do not say does not hold.
   *
   * @throws {MembershipsUnknownError} if that is all: nothing to read would be taken for nothing written
   */
  async viewer(did: string): Promise<Viewer> {
    const known = await this.#options.db
      .selectFrom('stratos_enrollment')
      .select('service')
      .where('did', '=', did)
      .execute()
    const services = this.#options.services()
    const found = await Promise.all(
      known.map(async ({ service }) => {
        const url = services.get(service)
        return [service, url === undefined ? null : await this.#ask(did, service, url)] as const
      }),
    )
    const boundaries = new Map<string, readonly string[]>()
    for (const [service, held] of found) {
      if (held !== null && held !== 'unanswered') boundaries.set(service, held)
    }
    if (boundaries.size === 0 && found.some(([, held]) => held === 'unanswered'))
      throw new MembershipsUnknownError()
    return { did, boundaries }
  }

  #ask(did: string, service: string, url: string): Promise<Answer> {
    const key = `${did} ${service}`
    const nowMs = this.#options.nowMs()
    const kept = this.#kept.get(key)
    if (kept !== undefined && nowMs < kept.askedAtMs + FRESH_MS) return kept.boundaries
    // Put back at the end: the first of a map is the one that was asked about longest ago.
    this.#kept.delete(key)
    const oldest = this.#kept.size >= MAX_KEPT ? this.#kept.keys().next().value : undefined
    if (oldest !== undefined) this.#kept.delete(oldest)
    const boundaries = this.#fetchBoundaries(did, service, url).catch((err: unknown) => {
      this.#options.onFailure(service, err)
      return 'unanswered' as const
    })
    this.#kept.set(key, { askedAtMs: nowMs, boundaries })
    return boundaries
  }

  async #fetchBoundaries(did: string, service: string, url: string): Promise<readonly string[] | null> {
    const token = await this.#options.serviceToken(service, METHOD)
    const response = await this.#options.fetch(`${url}/xrpc/${METHOD}?${new URLSearchParams({ did })}`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok) throw new Error(`${METHOD} answered ${response.status}`)
    const body = (await readJson(response)) as { did?: unknown; enrolled?: unknown; boundaries?: unknown }
    if (body.did !== did || body.enrolled !== true || !Array.isArray(body.boundaries)) return null
    // A service speaks for its own boundaries alone.
    return body.boundaries.filter(
      (boundary): boundary is string => typeof boundary === 'string' && boundary.startsWith(`${service}/`),
    )
  }
}
