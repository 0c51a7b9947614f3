import { DidResolver, getKey, getPds, type DidDocument } from '@atproto/identity'
import { StratosError, type Did, type SigningKeyResolver } from 'stratos-core'
import type { SafeFetch } from './safe-fetch.ts'

const FRESH_MS = 60_000
const MISSING_MS = 30_000
/** A forced refresh is answered from a document this young: whoever signs badly must not make us fetch at will. */
const REFRESHED_MS = 5_000
const MAX_CACHED = 10_000
const TIMEOUT_MS = 5_000

/** A host and perhaps a port: a path or a query would make whoever may place a file on a host somebody. */
const PLAIN_WEB_DID = /^did:web:[A-Za-z0-9.-]+(%3[Aa]\d{1,5})?$/

interface Entry {
  readonly document: Promise<DidDocument | null>
  readonly fetchedAtMs: number
  expiresAtMs: number
}

/** DID documents of `did:plc` and `did:web`, from a bounded cache that is a minute old at most. */
export class DidDocuments implements SigningKeyResolver {
  readonly #resolver: DidResolver
  readonly #nowMs: () => number
  readonly #cache = new Map<Did, Entry>()

  constructor(options: { plcUrl: string; fetch: SafeFetch; nowMs: () => number }) {
    this.#resolver = new DidResolver({ plcUrl: options.plcUrl, timeout: TIMEOUT_MS, fetch: options.fetch })
    this.#nowMs = options.nowMs
  }

  /** @returns null if the DID cannot be resolved, for whatever reason */
  async find(did: Did, options: { refresh?: boolean } = {}): Promise<DidDocument | null> {
    if (did.startsWith('did:web:') && !PLAIN_WEB_DID.test(did)) return null
    const known = this.#cache.get(did)
    const nowMs = this.#nowMs()
    const usable = (entry: Entry): boolean =>
      entry.expiresAtMs > nowMs && (options.refresh !== true || nowMs - entry.fetchedAtMs < REFRESHED_MS)
    if (known !== undefined && usable(known)) return known.document
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
    const document = this.#resolver.resolve(did).catch(() => null)
    const entry: Entry = { document, fetchedAtMs: nowMs, expiresAtMs: nowMs + FRESH_MS }
    this.#cache.set(did, entry)
    if ((await document) === null) entry.expiresAtMs = this.#nowMs() + MISSING_MS
    return document
  }

  async resolveSigningKey(did: Did, options: { refresh?: boolean } = {}): Promise<string> {
    const document = await this.find(did, options)
    const key = document === null ? null : findKey(document)
    if (key === null) {
      throw new StratosError(
        'AuthenticationRequired',
        `the DID document of ${did} has no #atproto key to check against`,
      )
    }
    return key
  }

  /** @returns origin of the account's PDS, or null if the document names none */
  async findPds(did: Did): Promise<string | null> {
    const document = await this.find(did)
    const endpoint = document === null ? undefined : getPds(document)
    return endpoint === undefined ? null : (URL.parse(endpoint)?.origin ?? null)
  }
}

/** @returns null also for a key that is none: whoever writes the document may write anything */
function findKey(document: DidDocument): string | null {
  try {
    return getKey(document) ?? null
  } catch {
    return null
  }
}
