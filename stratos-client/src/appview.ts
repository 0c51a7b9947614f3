import { createServiceFetchHandler, type FetchHandler } from './routing.ts'
import { buildMethodScopes, formatAudience } from './scopes.ts'
import { fetchServiceJwt } from './service-auth.ts'
import { methodOf, withBearer } from './service-jwt.ts'

/** The role in which an AppView for private posts, such as the indexer, is called. */
export const APPVIEW_FRAGMENT = 'stratos_appview'

/** What such an AppView answers. */
export const APPVIEW_METHODS = [
  'zone.stratos.feed.getTimeline',
  'zone.stratos.feed.getAuthorFeed',
  'zone.stratos.feed.getPost',
  'zone.stratos.feed.getPostThread',
  'zone.stratos.feed.searchPosts',
] as const

/** An AppView that shows users the private posts that they may see. */
export interface Appview {
  readonly did: string
  readonly url: string
}

/** The OAuth scopes an app asks for to read from an AppView, besides those of {@link buildStratosScopes}. */
export function buildAppviewScopes(
  appviewDid: string,
  methods: readonly string[] = APPVIEW_METHODS,
): string[] {
  return buildMethodScopes(formatAudience(appviewDid, APPVIEW_FRAGMENT), methods)
}

/**
 * Makes a handler that asks an AppView as a user, with a token of the user's PDS for each request.
 *
 * The AppView is called directly: what it answers does not pass through the PDS.
 *
 * @param session sends relative paths to the user's PDS, authenticated
 * @returns takes paths such as `/xrpc/zone.stratos.feed.getTimeline`, for `callStratos`; rejects with a
 *   {@link StratosClientError} `MissingScope`, `PdsRequestFailed` or `PdsUnreachable`
 * @throws {StratosClientError} `InvalidServiceUrl`
 */
export function createAppviewFetchHandler(
  session: { fetchHandler(pathOrUrl: string, init?: RequestInit): Promise<Response> },
  { did, url }: Appview,
): FetchHandler {
  const audience = formatAudience(did, APPVIEW_FRAGMENT)
  const atPds: FetchHandler = (path, init) => session.fetchHandler(path, init)
  const service = createServiceFetchHandler(async (target, init) => {
    const method = methodOf(target)
    if (method === null) return fetch(target, init)
    return fetch(target, withBearer(init, await fetchServiceJwt(atPds, { audience, method })))
  }, url)
  return (path, init) => service.handle(path, init)
}
