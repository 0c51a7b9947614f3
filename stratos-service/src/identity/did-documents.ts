import { didDocument, getKey, type DidDocument } from '@atproto/identity'
import { StratosError, type Did, type SigningKeyResolver } from 'stratos-core'
import { fetchJson } from './fetch-json.ts'
import { LookupCache } from './lookup-cache.ts'
import type { SafeFetch } from './safe-fetch.ts'

const HOUR_MS = 3_600_000
const TIMES = {
  freshMs: 60_000,
  missingMs: 30_000,
  refreshAfterMs: 5_000,
  maxStaleMs: 24 * HOUR_MS,
  maxEntries: 10_000,
}
/** A key may have been replaced since: for signatures, a document is not good for as long as for addresses. */
const MAX_STALE_KEY_MS = HOUR_MS
const MAX_DOCUMENT_BYTES = 64 * 1024
/** Several times what accounts have: whoever makes up accounts with large documents must not fill the memory with them. */
const MAX_KEPT_LENGTH = 8 * 1024

/** A host and perhaps a port: a path or a query would make whoever may place a file on a host somebody. */
const PLAIN_WEB_DID = /^did:web:([A-Za-z0-9.-]+)(?:%3[Aa](\d{1,5}))?$/
const PLC_DID = /^did:plc:[a-z2-7]{24}$/

/**
 * DID documents of `did:plc` and `did:web`, from a bounded cache. A document is a minute old at most, unless it cannot be
 * had now; then the last one is good for a day, and for an hour where signatures are checked.
 */
export class DidDocuments implements SigningKeyResolver {
  readonly #cache: LookupCache<DidDocument>

  constructor(options: { plcUrl: string; fetch: SafeFetch; nowMs: () => number }) {
    const { plcUrl, fetch, nowMs } = options
    const look = async (did: string): Promise<DidDocument | null> => {
      const url = documentUrl(did, plcUrl)
      if (url === null) return null
      const headers = { accept: 'application/did+ld+json,application/json' }
      const found = await fetchJson(fetch, url, { maxBytes: MAX_DOCUMENT_BYTES, headers })
      const document = didDocument.safeParse(found)
      return document.success && document.data.id === did ? document.data : null
    }
    const isKept = (document: DidDocument) => JSON.stringify(document).length <= MAX_KEPT_LENGTH
    this.#cache = new LookupCache({ ...TIMES, look, nowMs, isKept })
  }

  /** @returns null if the DID cannot be resolved, for whatever reason */
  async find(
    did: Did,
    options: { refresh?: boolean; maxStaleMs?: number } = {},
  ): Promise<DidDocument | null> {
    return this.#cache.find(did, options)
  }

  async resolveSigningKey(did: Did, options: { refresh?: boolean } = {}): Promise<string> {
    const document = await this.find(did, { ...options, maxStaleMs: MAX_STALE_KEY_MS })
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
    return document === null ? null : findPdsOrigin(document)
  }
}

/**
 * The account's PDS: the first service with the id `#atproto_pds`, of this very DID, and only if it is of the right type.
 *
 * @returns its origin
 * @see https://atproto.com/specs/did#did-documents
 */
export function findPdsOrigin(document: DidDocument): string | null {
  const ids = ['#atproto_pds', `${document.id}#atproto_pds`]
  const found = document.service?.find(({ id }) => ids.includes(id))
  if (found?.type !== 'AtprotoPersonalDataServer' || typeof found.serviceEndpoint !== 'string') return null
  const url = URL.parse(found.serviceEndpoint)
  return url !== null && /^https?:$/.test(url.protocol) ? url.origin : null
}

/** @returns null for a DID of another method, or one that no document could belong to */
function documentUrl(did: string, plcUrl: string): string | null {
  if (PLC_DID.test(did)) return `${plcUrl}/${did}`
  const [, host, port] = PLAIN_WEB_DID.exec(did) ?? []
  if (host === undefined) return null
  // Only on one machine: an http address is not fetched anywhere else.
  const scheme = host === 'localhost' ? 'http' : 'https'
  return `${scheme}://${host}${port === undefined ? '' : `:${port}`}/.well-known/did.json`
}

/**
 * Longer than any key of an account. Decoding base58 takes time with the square of its length: a document full of it would
 * stop everything for seconds.
 */
const MAX_KEY_LENGTH = 256

/** @returns null also for a key that is none: whoever writes the document may write anything */
function findKey(document: DidDocument): string | null {
  const methods = document.verificationMethod?.filter(
    ({ publicKeyMultibase: key = '' }) => key.length <= MAX_KEY_LENGTH,
  )
  try {
    return getKey({ ...document, verificationMethod: methods }) ?? null
  } catch {
    return null
  }
}
