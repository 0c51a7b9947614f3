import {
  NodeOAuthClient,
  requestLocalLock,
  type NodeSavedSession,
  type NodeSavedState,
  type OAuthSession,
} from '@atproto/oauth-client-node'
import { authorize, type Credentials } from './authorize.ts'

/** A store whose contents a test can look at. */
export class MemoryStore<V> {
  readonly entries = new Map<string, V>()

  async get(key: string): Promise<V | undefined> {
    return this.entries.get(key)
  }

  async set(key: string, value: V): Promise<void> {
    this.entries.set(key, value)
  }

  async del(key: string): Promise<void> {
    this.entries.delete(key)
  }
}

export interface SignedIn {
  readonly session: OAuthSession
  readonly client: NodeOAuthClient
  readonly sessionStore: MemoryStore<NodeSavedSession>
}

/** A public OAuth client on loopback that needs no server of its own: its redirects are read, not received. */
export function createLoopbackClient(
  { plcUrl, pdsUrl }: { plcUrl: string; pdsUrl: string },
  scope: string,
): { client: NodeOAuthClient; sessionStore: MemoryStore<NodeSavedSession> } {
  const redirectUri = 'http://127.0.0.1/callback' as const
  const sessionStore = new MemoryStore<NodeSavedSession>()
  const client = new NodeOAuthClient({
    allowHttp: true,
    plcDirectoryUrl: plcUrl,
    handleResolver: pdsUrl,
    clientMetadata: {
      client_id: `http://localhost?${new URLSearchParams({ redirect_uri: redirectUri, scope })}`,
      client_name: 'Test client',
      redirect_uris: [redirectUri],
      scope,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
    },
    stateStore: new MemoryStore<NodeSavedState>(),
    sessionStore,
    requestLock: requestLocalLock,
  })
  return { client, sessionStore }
}

/**
 * Signs an account in to a fresh OAuth client, through the PDS's own pages.
 *
 * @param scope space-separated, `atproto` included
 */
export async function openOAuthSession(
  network: { plcUrl: string; pdsUrl: string },
  account: Credentials,
  scope: string,
): Promise<SignedIn> {
  const { client, sessionStore } = createLoopbackClient(network, scope)
  const callback = await authorize(await client.authorize(account.handle, { scope }), account)
  const { session } = await client.callback(callback.searchParams)
  return { session, client, sessionStore }
}
