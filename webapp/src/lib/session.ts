import {
  BrowserOAuthClient,
  buildAtprotoLoopbackClientMetadata,
  type OAuthSession,
} from '@atproto/oauth-client-browser'
import {
  buildAppviewScopes,
  buildStratosScopes,
  callStratos,
  createStratosFetchHandler,
  fetchServiceDid,
} from 'stratos-client'
import type { Config } from './config.ts'
import { TIMELINE_METHODS } from './timeline.ts'

const END_WITHIN_MS = 5_000

/** Someone who is signed in. */
export interface Account {
  did: string
  /** what their PDS calls them; null if it did not say */
  handle: string | null
  pdsUrl: string
  session: OAuthSession
}

/** Signs people in and out with the OAuth of their own PDS. */
export interface SignIn {
  serviceDid: string
  /** Resolves to the account that has just come back from its PDS, or was signed in before. */
  restore(): Promise<Account | null>
  /** Leaves the page for the user's PDS. */
  start(handle: string): Promise<void>
  /** Signs out on the PDS, and before that ends the key's session with the service. */
  end(account: Account): Promise<void>
}

/**
 * Prepares signing in.
 *
 * The app asks for the right to identify the user to the service and to the AppView, and for nothing on their PDS: it cannot write there.
 *
 * @param onEnded called with the DID of a session that has ended, here or in another tab
 * @throws {StratosClientError} if the service is not there
 */
export async function openSignIn(config: Config, onEnded: (did: string) => void): Promise<SignIn> {
  const serviceDid = await fetchServiceDid(config.serviceUrl)
  const forAppview = config.appview === null ? [] : buildAppviewScopes(config.appview.did, TIMELINE_METHODS)
  const scope = [...buildStratosScopes({ serviceDid, collections: [] }), ...forAppview].join(' ')
  const client = await openClient(config, scope, onEnded)
  return {
    serviceDid,
    async restore() {
      const result = await client.init()
      return result === undefined ? null : openAccount(result.session)
    },
    async start(handle) {
      await client.signIn(normalizeHandle(handle), { scope })
    },
    async end(account) {
      const signal = AbortSignal.timeout(END_WITHIN_MS)
      const once = { serviceDid, retry: { attempts: 1 } }
      try {
        // The service does not hear of a sign-out at the PDS: the key would go on working there.
        const call = createStratosFetchHandler(account.session, config.serviceUrl, once)
        await callStratos(call, 'zone.stratos.server.deleteSession', { signal })
      } finally {
        await client.revoke(account.did)
      }
    },
  }
}

/** What someone means who types ` @Alice.example.com`. A DID stays as it is. */
export function normalizeHandle(text: string): string {
  // Copied handles often carry invisible marks of text direction.
  const visible = text.replaceAll(/[\p{Cf}\s]/gu, '').replace(/^@/, '')
  return visible.startsWith('did:') ? visible : visible.toLowerCase()
}

/** OAuth on loopback works with addresses only: leaves `localhost` for 127.0.0.1. @returns whether it does */
export function moveToLoopbackAddress(): boolean {
  if (location.hostname !== 'localhost') return false
  const url = new URL(location.href)
  url.hostname = '127.0.0.1'
  location.replace(url)
  return true
}

async function openClient(
  config: Config,
  scope: string,
  onEnded: (did: string) => void,
): Promise<BrowserOAuthClient> {
  const options = {
    handleResolver: config.handleResolver,
    plcDirectoryUrl: config.plcUrl,
    onSessionDeleted: onEnded,
  }
  if (isLoopback(location.hostname)) {
    const redirectUri = `${location.origin}/` as `http://127.0.0.1:${number}/`
    const clientMetadata = buildAtprotoLoopbackClientMetadata({ scope, redirect_uris: [redirectUri] })
    return new BrowserOAuthClient({ ...options, clientMetadata, allowHttp: true })
  }
  const clientId = `${location.origin}/client-metadata.json`
  return BrowserOAuthClient.load({ ...options, clientId })
}

function isLoopback(hostname: string): boolean {
  return hostname === '127.0.0.1' || hostname === '[::1]'
}

async function openAccount(session: OAuthSession): Promise<Account> {
  const { aud: pdsUrl } = await session.getTokenInfo(false)
  return { did: session.did, handle: await findHandle(pdsUrl, session.did), pdsUrl, session }
}

async function findHandle(pdsUrl: string, did: string): Promise<string | null> {
  const query = new URLSearchParams({ repo: did })
  try {
    const response = await fetch(new URL(`/xrpc/com.atproto.repo.describeRepo?${query}`, pdsUrl))
    const body: unknown = response.ok ? await response.json() : null
    const handle = typeof body === 'object' && body !== null && 'handle' in body ? body.handle : null
    return typeof handle === 'string' ? handle : null
  } catch (err) {
    // The handle is only shown; without it there is still the DID.
    if (err instanceof TypeError || err instanceof SyntaxError) return null
    throw err
  }
}
