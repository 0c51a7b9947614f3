import { isJsonObject, readJsonObject } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { parseServiceUrl } from './routing.ts'

const MAX_DOCUMENT_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000

/**
 * Asks a service for its DID.
 *
 * The answer is believed only if it is a `did:web` of that very host. A service could otherwise name another one, be
 * handed the user's proof of identity for it, and use that proof there.
 *
 * @throws {StratosClientError} `InvalidServiceUrl`, `ServiceUnreachable`, or `ServiceMismatch` if the DID is not that of
 *   the host; a service with a DID of another kind has to be told apart by its user
 */
export async function fetchServiceDid(
  serviceUrl: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<string> {
  const service = parseServiceUrl(serviceUrl)
  const document = await fetchDidDocument(new URL('/.well-known/did.json', service), fetch)
  const did = document?.['id']
  if (typeof did !== 'string') {
    throw new StratosClientError('ServiceUnreachable', `${service.origin} publishes no DID document`)
  }
  if (!isDidOfHost(did, service)) {
    throw new StratosClientError('ServiceMismatch', `${service.origin} claims to be ${did}`)
  }
  return did
}

/**
 * Checks that a server calls itself a Stratos service. A PDS does not.
 *
 * @throws {StratosClientError} `NotAStratosService`, `ServiceUnreachable` or `InvalidServiceUrl`
 */
export async function assertStratosService(
  serviceUrl: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<void> {
  const { origin } = parseServiceUrl(serviceUrl)
  const document = await fetchDidDocument(new URL('/.well-known/did.json', origin), fetch)
  const services: unknown[] = Array.isArray(document?.['service']) ? document['service'] : []
  if (!services.some((entry) => isJsonObject(entry) && entry['type'] === 'StratosService')) {
    throw new StratosClientError('NotAStratosService', `${origin} is not a Stratos service; nothing was sent`)
  }
}

async function fetchDidDocument(url: URL, fetch: typeof globalThis.fetch) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { redirect: 'error', credentials: 'omit', signal })
    return response.ok ? await readJsonObject(response, MAX_DOCUMENT_BYTES) : null
  } catch (cause) {
    throw new StratosClientError('ServiceUnreachable', `cannot reach ${url.origin}`, { cause })
  }
}

/** Whether `did` is the `did:web` of the host in `service`; on loopback a missing port and another name will do. */
export function isDidOfHost(did: string, service: URL): boolean {
  const encodedHost = /^did:web:([A-Za-z0-9.-]+(?:%3[Aa][0-9]+)?)$/.exec(did)?.[1]
  if (encodedHost === undefined) return false
  const [hostname = '', port] = encodedHost.toLowerCase().split('%3a')
  if (isLoopback(service.hostname)) {
    return isLoopback(hostname) && (port === undefined || port === service.port)
  }
  return hostname === service.hostname && (port ?? '') === service.port
}

function isLoopback(hostname: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
