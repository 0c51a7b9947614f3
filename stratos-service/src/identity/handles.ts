import { HandleResolver } from '@atproto/identity'
import { isValidDid, isValidHandle } from '@atproto/syntax'
import type { Did } from 'stratos-core'
import type { DidDocuments } from './did-documents.ts'
import type { SafeFetch } from './safe-fetch.ts'

const FRESH_MS = 60_000
const MAX_CACHED = 10_000
const TIMEOUT_MS = 5_000

/** Handles to DIDs, confirmed by the DID's own document, from a bounded cache that is a minute old at most. */
export class Handles {
  readonly #resolve: (handle: string) => Promise<string | undefined>
  readonly #documents: Pick<DidDocuments, 'find'>
  readonly #nowMs: () => number
  readonly #cache = new Map<string, { did: Promise<Did | null>; expiresAtMs: number }>()

  /** @param options.resolverUrl a service that answers com.atproto.identity.resolveHandle; null asks DNS and HTTPS */
  constructor(options: {
    resolverUrl: string | null
    fetch: SafeFetch
    documents: Pick<DidDocuments, 'find'>
    nowMs: () => number
  }) {
    this.#documents = options.documents
    this.#nowMs = options.nowMs
    const { resolverUrl, fetch } = options
    const direct = new HandleResolver({ timeout: TIMEOUT_MS, fetch })
    this.#resolve =
      resolverUrl === null
        ? (handle) => direct.resolve(handle)
        : (handle) => askService(fetch, resolverUrl, handle)
  }

  /** @returns null if it is neither a DID nor the handle of one */
  async findDid(identifier: string): Promise<Did | null> {
    if (isValidDid(identifier)) return identifier
    if (!isValidHandle(identifier)) return null
    const handle = identifier.toLowerCase()
    const known = this.#cache.get(handle)
    if (known !== undefined && known.expiresAtMs > this.#nowMs()) return known.did
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
    const did = this.#confirmed(handle).catch(() => null)
    this.#cache.set(handle, { did, expiresAtMs: this.#nowMs() + FRESH_MS })
    return did
  }

  async #confirmed(handle: string): Promise<Did | null> {
    const did = await this.#resolve(handle)
    if (did === undefined || !isValidDid(did)) return null
    const document = await this.#documents.find(did)
    return document?.alsoKnownAs?.some((name) => name.toLowerCase() === `at://${handle}`) === true
      ? did
      : null
  }
}

async function askService(fetch: SafeFetch, serviceUrl: string, handle: string): Promise<string | undefined> {
  const query = new URLSearchParams({ handle })
  const response = await fetch(`${serviceUrl}/xrpc/com.atproto.identity.resolveHandle?${query}`)
  if (!response.ok) return undefined
  const { did } = (await response.json()) as { did?: unknown }
  return typeof did === 'string' ? did : undefined
}
