import { HandleResolver } from '@atproto/identity'
import { isValidDid, isValidHandle } from '@atproto/syntax'
import type { Did } from 'stratos-core'
import type { DidDocuments } from './did-documents.ts'
import type { RateByAsker } from '../limits/rate-by-asker.ts'
import { fetchJson } from './fetch-json.ts'
import { LookupCache } from './lookup-cache.ts'
import type { SafeFetch } from './safe-fetch.ts'

const TIMES = {
  freshMs: 60_000,
  missingMs: 60_000,
  refreshAfterMs: 60_000,
  maxStaleMs: 24 * 3_600_000,
  maxEntries: 10_000,
}
const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 4 * 1024

/** Handles to DIDs, confirmed by the DID's own document, from a bounded cache that is a minute old at most. */
export class Handles {
  readonly #cache: LookupCache<Did>
  readonly #rate: Pick<RateByAsker, 'charge'>

  /**
   * @param options.resolverUrl a service that answers com.atproto.identity.resolveHandle; null asks DNS and HTTPS
   * @param options.rate counts the look-ups that leave this service
   */
  constructor(options: {
    resolverUrl: string | null
    fetch: SafeFetch
    documents: Pick<DidDocuments, 'find'>
    rate: Pick<RateByAsker, 'charge'>
    nowMs: () => number
  }) {
    this.#rate = options.rate
    const { resolverUrl, fetch, documents, nowMs } = options
    const direct = new HandleResolver({ timeout: TIMEOUT_MS, fetch })
    const resolve = (handle: string) =>
      resolverUrl === null ? direct.resolve(handle) : askService(fetch, resolverUrl, handle)
    const look = async (handle: string): Promise<Did | null> => {
      const did = await resolve(handle)
      if (did === undefined || !isValidDid(did)) return null
      const document = await documents.find(did)
      const isConfirmed = document?.alsoKnownAs?.some((name) => name.toLowerCase() === `at://${handle}`)
      return isConfirmed === true ? did : null
    }
    this.#cache = new LookupCache({ ...TIMES, look, nowMs })
  }

  /**
   * @param asker whom a look-up is charged to: the account that asks, or the network of a request without one
   * @returns null if it is neither a DID nor the handle of one
   * @throws {StratosError} `RateLimitExceeded`, `ServiceUnavailable`
   */
  async findDid(identifier: string, asker: string): Promise<Did | null> {
    if (isValidDid(identifier)) return identifier
    if (!isValidHandle(identifier)) return null
    const handle = identifier.toLowerCase()
    if (!this.#cache.isKnown(handle)) this.#rate.charge(asker)
    return this.#cache.find(handle)
  }
}

async function askService(fetch: SafeFetch, serviceUrl: string, handle: string): Promise<string | undefined> {
  const query = new URLSearchParams({ handle })
  const url = `${serviceUrl}/xrpc/com.atproto.identity.resolveHandle?${query}`
  const answer = await fetchJson(fetch, url, { maxBytes: MAX_ANSWER_BYTES })
  const did = typeof answer === 'object' && answer !== null && 'did' in answer ? answer.did : undefined
  return typeof did === 'string' ? did : undefined
}
