import { createHash, generateKeyPairSync } from 'node:crypto'
import { JoseKey } from '@atproto/oauth-client-node'

/**
 * The key by which this service proves to authorization servers which client it is; made at the first start.
 *
 * @param kept gives back what was made before, or keeps what is made now
 */
export async function loadClientKey(kept: {
  loadOrCreate(make: () => Uint8Array): Promise<Uint8Array>
}): Promise<JoseKey> {
  const stored = await kept.loadOrCreate(() => Buffer.from(JSON.stringify(generateJwk())))
  return JoseKey.fromJWK(Buffer.from(stored).toString('utf8'))
}

function generateJwk() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  return { kty, crv, x, y, d, kid, alg: 'ES256', use: 'sig' }
}
