import { resolveUserSigningKey, type PublicKey, type ResolveSigningKeyOptions } from './attestation.ts'
import { resolveDidDocument } from './did-document.ts'
import { StratosClientError } from './errors.ts'

const TTL_MS = 5 * 60_000
const MAX_REMEMBERED = 1000

export interface SigningKeyResolverOptions extends ResolveSigningKeyOptions {
  serviceDid: string
}

/**
 * Makes a function that finds the key of any author's private repo: their DID document names their PDS, the PDS has their
 * enrollment, and the service's attestation in it is verified.
 *
 * Remembers up to 1,000 keys for five minutes. For `findSigningKey` of {@link hydrateRecords}.
 *
 * @returns resolves to null for somebody who is not enrolled with the service, and rejects like
 *   {@link resolveUserSigningKey}
 */
export function createSigningKeyResolver(
  options: SigningKeyResolverOptions,
): (did: string) => Promise<PublicKey | null> {
  const remembered = new Map<string, { key: Promise<PublicKey | null>; untilMs: number }>()

  async function find(did: string): Promise<PublicKey | null> {
    const { services } = await resolveDidDocument(did, options)
    const pds = services.find(
      ({ fragment, type }) => fragment === 'atproto_pds' && type === 'AtprotoPersonalDataServer',
    )
    if (pds === undefined) throw new StratosClientError('DidNotResolved', `${did} names no PDS`)
    return resolveUserSigningKey(pds.endpoint, did, options.serviceDid, options)
  }

  return (did) => {
    const known = remembered.get(did)
    if (known !== undefined && Date.now() < known.untilMs) return known.key
    const key = find(did)
    remembered.delete(did)
    remembered.set(did, { key, untilMs: Date.now() + TTL_MS })
    // What failed is asked again next time.
    key.catch(() => remembered.delete(did))
    const [oldest] = remembered.keys()
    if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
    return key
  }
}
