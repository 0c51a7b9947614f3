import { sendRequest, type Answer, type CallOptions, type Network } from 'test-network'
import { ClientKey } from './signing.ts'
import { startWebIdentity, type WebIdentity } from './web-identity.ts'

/**
 * An account whose PDS and authorization server a test makes up, on one origin. It can be what a stock PDS is not: an
 * issuer of access tokens that others can check, or a server that lies.
 */
export interface MadeUpAccount extends WebIdentity {
  /** Published, and newest first. */
  keys: ClientKey[]
  /** JWKs beside those of `keys`. */
  extraJwks: object[]
  /** What the token endpoint answers for every code. */
  granted: { sub: string; scope: string }
  /** Form of the newest authorization request. */
  requested: URLSearchParams
}

export async function makeUpAccount(
  services: (origin: string, did: string) => readonly object[] = (origin) => [
    { id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: origin },
  ],
): Promise<MadeUpAccount> {
  const identity = await startWebIdentity(services)
  const { origin, pages, did } = identity
  const account: MadeUpAccount = {
    ...identity,
    keys: [new ClientKey()],
    extraJwks: [],
    granted: { sub: did, scope: '' },
    requested: new URLSearchParams(),
  }
  pages.set('/.well-known/oauth-protected-resource', () => ({
    json: { resource: origin, authorization_servers: [origin] },
  }))
  pages.set('/.well-known/oauth-authorization-server', () => ({
    json: {
      issuer: origin,
      jwks_uri: `${origin}/jwks`,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      pushed_authorization_request_endpoint: `${origin}/par`,
      require_pushed_authorization_requests: true,
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
      dpop_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      scopes_supported: ['atproto'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
    },
  }))
  pages.set('/jwks', () => ({
    json: {
      keys: [
        ...account.keys.map(({ jwk, jkt, alg }) => ({ ...jwk, kid: jkt, alg, use: 'sig' })),
        ...account.extraJwks,
      ],
    },
  }))
  pages.set('/par', (_req, body) => {
    account.requested = new URLSearchParams(body)
    return { status: 201, json: { request_uri: 'urn:ietf:params:oauth:request_uri:1', expires_in: 300 } }
  })
  pages.set('/token', () => ({
    json: {
      access_token: 'opaque',
      refresh_token: 'opaque',
      token_type: 'DPoP',
      expires_in: 3600,
      ...account.granted,
      scope: account.granted.scope || (account.requested.get('scope') ?? ''),
    },
  }))
  return account
}

/** Goes through enrollment as a browser would, with this account at its own server. */
export async function enrollMadeUp(
  network: Pick<Network, 'serviceUrl'>,
  account: MadeUpAccount,
): Promise<Answer> {
  const oauth = `${network.serviceUrl.replace('localhost', '127.0.0.1')}/oauth`
  const begun = await sendRequest('GET', `${oauth}/authorize?${new URLSearchParams({ handle: account.did })}`)
  const cookie = String(begun.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  const params = { code: 'code', state: account.requested.get('state') ?? '', iss: account.origin }
  return sendRequest('GET', `${oauth}/callback?${new URLSearchParams(params)}`, { headers: { cookie } })
}

/** Calls a method for an account, which signs for itself. */
export async function callAs(
  network: Pick<Network, 'serviceUrl' | 'serviceDid'>,
  { account }: WebIdentity,
  method: 'GET' | 'POST',
  nsid: string,
  options: Pick<CallOptions, 'params' | 'body'> = {},
): Promise<Answer> {
  const exp = Math.floor(Date.now() / 1000) + 60
  const token = await account.serviceJwt({ aud: network.serviceDid, lxm: nsid, exp })
  const query = new URLSearchParams(options.params as Record<string, string> | undefined)
  const headers = { authorization: `Bearer ${token}` }
  return sendRequest(method, `${network.serviceUrl}/xrpc/${nsid}?${query}`, { headers, body: options.body })
}
