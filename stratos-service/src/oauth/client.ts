import {
  NodeOAuthClient,
  type NodeSavedSessionStore,
  type NodeSavedStateStore,
  type OAuthClientMetadataInput,
} from '@atproto/oauth-client-node'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'

export interface OauthClientOptions {
  readonly publicUrl: string
  readonly loopback: boolean
  readonly clientName: string
  /** Collections that this service writes on the PDS: the enrollment and the stubs. */
  readonly collections: readonly string[]
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
  options: Pick<OauthClientOptions, 'publicUrl' | 'loopback' | 'clientName' | 'collections'>,
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
    client_name: options.clientName,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope,
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: true,
  } as OAuthClientMetadataInput
}

export function createOauthClient(options: OauthClientOptions): NodeOAuthClient {
  return new NodeOAuthClient({
    clientMetadata: clientMetadata(options),
    stateStore: options.stateStore,
    sessionStore: options.sessionStore,
    plcDirectoryUrl: options.plcUrl,
    ...(options.handleResolverUrl === null ? {} : { handleResolver: options.handleResolverUrl }),
    allowHttp: options.allowHttp,
    fetch: options.fetch,
    requestLock: (key, work) => options.lock.run(key, async () => work()),
  })
}
