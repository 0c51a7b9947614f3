import type { IdResolver } from '@atproto/identity'
import type { SafeFetch } from './safe-fetch.ts'

/** A service, and the address it is known by. */
export interface ServicePlace {
  readonly did: string
  readonly url: string
}

/**
 * Asks an address whose it is, and that DID whether it agrees.
 *
 * @throws {Error} if it is nobody's, or the DID document names another address
 */
export async function findServicePlace(
  url: string,
  { fetch, resolver }: { fetch: SafeFetch; resolver: IdResolver },
): Promise<ServicePlace> {
  const answer = await fetch(`${url}/.well-known/did.json`)
  const told: unknown = answer.ok ? await answer.json() : null
  const did = typeof told === 'object' && told !== null && 'id' in told ? told.id : null
  if (typeof did !== 'string') throw new Error(`${url} has no DID document`)
  const document = await resolver.did.resolve(did, true)
  const agrees = document?.service?.some(
    ({ type, serviceEndpoint }) =>
      type === 'StratosService' &&
      typeof serviceEndpoint === 'string' &&
      URL.parse(serviceEndpoint)?.origin === url,
  )
  if (agrees !== true) throw new Error(`the DID document of ${did} does not name ${url}`)
  return { did, url }
}
