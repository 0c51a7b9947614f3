import { DidResolver, IdResolver } from '@atproto/identity'
import type { SafeFetch } from './safe-fetch.ts'
import { BoundedDidCache } from './did-cache.ts'

/**
 * Longer than any key of an account. Decoding base58 takes time with the square of its length: a document full of it would
 * stop everything for minutes.
 */
const MAX_KEY_LENGTH = 256
const TIMEOUT_MS = 3_000

/** Resolves DIDs and handles, for which others say where to ask. */
export function openResolver({ plcUrl, fetch }: { plcUrl: string; fetch: SafeFetch }): IdResolver {
  const resolver = new IdResolver({ plcUrl, fetch, timeout: TIMEOUT_MS })
  const didCache = new BoundedDidCache()
  resolver.did = new CarefulDidResolver({ plcUrl, fetch, didCache, timeout: TIMEOUT_MS })
  return resolver
}

class CarefulDidResolver extends DidResolver {
  /** Leaves out keys that are none. */
  override async resolveNoCheck(did: string): Promise<unknown> {
    const document = await super.resolveNoCheck(did)
    if (typeof document !== 'object' || document === null || !('verificationMethod' in document))
      return document
    const { verificationMethod: methods } = document
    return { ...document, verificationMethod: Array.isArray(methods) ? methods.filter(isShort) : methods }
  }
}

function isShort(method: unknown): boolean {
  if (typeof method !== 'object' || method === null || !('publicKeyMultibase' in method)) return true
  const { publicKeyMultibase: key } = method
  return typeof key !== 'string' || key.length <= MAX_KEY_LENGTH
}
