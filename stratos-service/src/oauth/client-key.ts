import { createHash, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { JoseKey } from '@atproto/oauth-client-node'
import { loadOrCreateSecret } from '../config/secrets.ts'

/** The key by which this service proves to authorization servers which client it is; made at the first start. */
export async function loadClientKey(dataDir: string): Promise<JoseKey> {
  const stored = await loadOrCreateSecret(join(dataDir, 'oauth_client_key'), async () =>
    Buffer.from(JSON.stringify(generateJwk())),
  )
  return JoseKey.fromJWK(Buffer.from(stored).toString('utf8'))
}

function generateJwk() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  return { kty, crv, x, y, d, kid, alg: 'ES256', use: 'sig' }
}
