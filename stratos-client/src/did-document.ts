import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'

const MAX_DOCUMENT_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000
const DEFAULT_PLC_URL = 'https://plc.directory'

/** How DID documents are fetched. */
export interface ResolveDidOptions {
  /** The platform's by default. */
  fetchFn?: typeof globalThis.fetch
  /** Directory of `did:plc`; `https://plc.directory` by default. */
  plcUrl?: string
  signal?: AbortSignal
}

/** The parts of a DID document that matter here. */
export interface DidDocument {
  did: string
  /** Keys by their fragment, without `#`, each a `did:key`. */
  keys: ReadonlyMap<string, string>
  services: readonly { fragment: string; type: string; endpoint: string }[]
}

/**
 * Fetches the document of a `did:web` or `did:plc`.
 *
 * A `did:web` is fetched by https, on loopback by http. Redirects are errors.
 *
 * @throws {StratosClientError} `DidNotResolved`
 * @see https://atproto.com/specs/did
 */
export async function resolveDidDocument(did: string, options: ResolveDidOptions = {}): Promise<DidDocument> {
  const { fetchFn = globalThis.fetch, plcUrl = DEFAULT_PLC_URL } = options
  const url = documentUrl(did, plcUrl)
  if (url === null) throw notResolved(`${did} is of a kind that cannot be looked up`)
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
  let document: Record<string, unknown> | null
  try {
    const response = await fetchFn(url, { redirect: 'error', credentials: 'omit', signal })
    document = response.ok ? await readJsonObject(response, MAX_DOCUMENT_BYTES) : null
  } catch (cause) {
    options.signal?.throwIfAborted()
    throw notResolved(`the document of ${did} cannot be fetched`, { cause })
  }
  if (document?.['id'] !== did) throw notResolved(`${did} has no document`)
  return { did, keys: keysOf(did, document), services: servicesOf(did, document) }
}

function documentUrl(did: string, plcUrl: string): string | null {
  if (/^did:plc:[a-z2-7]+$/.test(did)) return `${plcUrl.replace(/\/+$/, '')}/${did}`
  const [, host, path = ''] =
    /^did:web:([A-Za-z0-9.-]+(?:%3[Aa]\d+)?)((?::[A-Za-z0-9._-]+)*)$/.exec(did) ?? []
  if (host === undefined) return null
  const [name = '', port] = host.split(/%3a/i)
  const scheme = ['localhost', '127.0.0.1'].includes(name) ? 'http' : 'https'
  const folder = path === '' ? '/.well-known' : path.replaceAll(':', '/')
  return `${scheme}://${name}${port === undefined ? '' : `:${port}`}${folder}/did.json`
}

function keysOf(did: string, document: Record<string, unknown>): ReadonlyMap<string, string> {
  const keys = new Map<string, string>()
  for (const method of listOf(document['verificationMethod'])) {
    const { id, type, controller, publicKeyMultibase } = method
    const fragment = fragmentOf(did, id)
    if (fragment === null || controller !== did || type !== 'Multikey') continue
    if (typeof publicKeyMultibase === 'string') keys.set(fragment, `did:key:${publicKeyMultibase}`)
  }
  return keys
}

function servicesOf(did: string, document: Record<string, unknown>): DidDocument['services'] {
  return listOf(document['service']).flatMap(({ id, type, serviceEndpoint }) => {
    const fragment = fragmentOf(did, id)
    if (fragment === null || typeof type !== 'string' || typeof serviceEndpoint !== 'string') return []
    return [{ fragment, type, endpoint: serviceEndpoint }]
  })
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}

/** Of `did#name` or `#name`: the name. */
function fragmentOf(did: string, id: unknown): string | null {
  if (typeof id !== 'string') return null
  const [owner, fragment] = id.split('#')
  return fragment === undefined || (owner !== '' && owner !== did) ? null : fragment
}

function notResolved(message: string, options?: ErrorOptions): StratosClientError {
  return new StratosClientError('DidNotResolved', message, options)
}
