import {
  NodeOAuthClient,
  type JoseKey,
  type NodeSavedSessionStore,
  type NodeSavedStateStore,
  type OAuthClientMetadataInput,
} from '@atproto/oauth-client-node'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'

export interface ClientBranding {
  readonly client_name: string
  readonly logo_uri?: string
  readonly tos_uri?: string
  readonly policy_uri?: string
}

export interface OauthClientOptions {
  readonly publicUrl: string
  readonly loopback: boolean
  /** What the consent screen shows: a name, and perhaps a logo and links. */
  readonly branding: ClientBranding
  /** Collections that this service writes on the PDS: the enrollment and the stubs. */
  readonly collections: readonly string[]
  /** Authenticates the client; null for a public one. */
  readonly key: JoseKey | null
  readonly plcUrl: string
  readonly handleResolverUrl: string | null
  readonly allowHttp: boolean
  readonly fetch: SafeFetch
  readonly stateStore: NodeSavedStateStore
  readonly sessionStore: NodeSavedSessionStore
  /** Refreshing one user's tokens twice at once would lose the session. */
  readonly lock: Pick<KeyedLock, 'run'>
}

/** What this service asks of a PDS: writing the named public collections and nothing else. */
export function oauthScope(collections: readonly string[]): string {
  return ['atproto', ...collections.map((collection) => `repo:${collection}`)].join(' ')
}

/**
 * Where the PDS sends the browser back to. A loopback client must be called by address: `localhost` is not accepted as a
 * redirect URI (RFC 8252 §7.3).
 */
export function callbackOrigin(publicUrl: string): string {
  const url = new URL(publicUrl)
  if (url.hostname === 'localhost') url.hostname = '127.0.0.1'
  return url.origin
}

/** @see https://atproto.com/specs/oauth#clients */
export function clientMetadata(
  options: Pick<OauthClientOptions, 'publicUrl' | 'loopback' | 'branding' | 'collections' | 'key'>,
): OAuthClientMetadataInput {
  const scope = oauthScope(options.collections)
  const redirectUri = `${callbackOrigin(options.publicUrl)}/oauth/callback`
  return {
    ...(options.loopback
      ? {
          // Loopback clients describe themselves in their id; nobody could fetch a document from them.
          client_id: `http://localhost?${new URLSearchParams({ redirect_uri: redirectUri, scope })}`,
          application_type: 'native',
        }
      : {
          client_id: `${options.publicUrl}/client-metadata.json`,
          client_uri: options.publicUrl,
          application_type: 'web',
        }),
    ...options.branding,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope,
    ...clientAuthentication(options.key),
    dpop_bound_access_tokens: true,
  } as OAuthClientMetadataInput
}

function clientAuthentication(key: JoseKey | null) {
  if (key === null) return { token_endpoint_auth_method: 'none' }
  return {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    // Its public half: the key leaves out the rest.
    jwks: { keys: [key.publicJwk] },
  }
}

export function createOauthClient(options: OauthClientOptions): NodeOAuthClient {
  return new NodeOAuthClient({
    clientMetadata: clientMetadata(options),
    ...(options.key === null ? {} : { keyset: [options.key] }),
    stateStore: options.stateStore,
    sessionStore: options.sessionStore,
    plcDirectoryUrl: options.plcUrl,
    ...(options.handleResolverUrl === null ? {} : { handleResolver: options.handleResolverUrl }),
    allowHttp: options.allowHttp,
    fetch: options.fetch,
    requestLock: (key, work) => options.lock.run(key, async () => work()),
  })
}
