import type { Did } from 'stratos-core'
import type { DidDocuments } from './did-documents.ts'
import { fetchJson } from './fetch-json.ts'
import { LookupCache } from './lookup-cache.ts'
import type { SafeFetch } from './safe-fetch.ts'

const MINUTE_MS = 60_000
const TIMES = {
  freshMs: 10 * MINUTE_MS,
  missingMs: MINUTE_MS,
  refreshAfterMs: MINUTE_MS,
  maxStaleMs: 60 * MINUTE_MS,
  maxEntries: 1_000,
}
const MAX_BYTES = 256 * 1024
const MAX_KEYS = 50
const MAX_URL_LENGTH = 2_048
/** Of the keys of one server, as JSON: anybody may have a server with very large ones, and they must not fill the memory. */
const MAX_KEPT_LENGTH = 32 * 1024

/** The authorization servers of PDSes, and the keys that they publish. Bounded caches of ten minutes. */
export class AuthorizationServers {
  readonly #documents: Pick<DidDocuments, 'findPds'>
  /** By origin of the PDS. */
  readonly #issuers: LookupCache<string>
  readonly #keys: LookupCache<readonly unknown[]>

  constructor(options: { documents: Pick<DidDocuments, 'findPds'>; fetch: SafeFetch; nowMs: () => number }) {
    const { fetch, nowMs } = options
    this.#documents = options.documents
    this.#issuers = new LookupCache({ ...TIMES, nowMs, look: (pds) => fetchIssuer(fetch, pds) })
    this.#keys = new LookupCache({
      ...TIMES,
      nowMs,
      look: (issuer) => fetchKeys(fetch, issuer),
      isKept: (keys) => JSON.stringify(keys).length <= MAX_KEPT_LENGTH,
    })
  }

  /** @returns null if the account has no PDS, or the PDS names no authorization server that can be reached */
  async findFor(did: Did): Promise<{ readonly pds: string; readonly issuer: string } | null> {
    const pds = await this.#documents.findPds(did)
    const issuer = pds === null ? null : await this.#issuers.find(pds)
    return pds === null || issuer === null ? null : { pds, issuer }
  }

  /** @returns public keys as JWKs, none of them looked at; empty if the server publishes none */
  async findKeys(issuer: string, options: { readonly refresh?: boolean } = {}): Promise<readonly unknown[]> {
    return (await this.#keys.find(issuer, options)) ?? []
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc9728 */
async function fetchIssuer(fetch: SafeFetch, pds: string): Promise<string | null> {
  const url = `${pds}/.well-known/oauth-protected-resource`
  const { resource, authorization_servers: servers } = await fetchObject(fetch, url)
  // AT Protocol permits one.
  const [issuer, ...more] = Array.isArray(servers) ? (servers as unknown[]) : []
  const isOne = typeof issuer === 'string' && issuer.length <= MAX_URL_LENGTH && more.length === 0
  return resource === pds && isOne ? issuer : null
}

/** @see https://www.rfc-editor.org/rfc/rfc8414 */
async function fetchKeys(fetch: SafeFetch, issuer: string): Promise<readonly unknown[] | null> {
  if (URL.parse(issuer)?.origin !== issuer) return null
  const metadata = await fetchObject(fetch, `${issuer}/.well-known/oauth-authorization-server`)
  if (metadata.issuer !== issuer || typeof metadata.jwks_uri !== 'string') return null
  if (URL.parse(metadata.jwks_uri) === null) return null
  const { keys } = await fetchObject(fetch, metadata.jwks_uri)
  return Array.isArray(keys) && keys.length <= MAX_KEYS ? (keys as unknown[]) : null
}

async function fetchObject(fetch: SafeFetch, url: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await fetchJson(fetch, url, { maxBytes: MAX_BYTES })
  return typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : {}
}
