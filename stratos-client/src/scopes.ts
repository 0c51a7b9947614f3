/** The collections on the user's own PDS that Stratos writes to: the public enrollment record and the post stubs. */
export const STRATOS_SCOPES = {
  enrollment: 'zone.stratos.actor.enrollment',
  post: 'zone.stratos.feed.post',
} as const

export type StratosScopes = typeof STRATOS_SCOPES

/** The method that ties an app's session key to its user; see `createStratosFetchHandler`. */
export const CREATE_SESSION_NSID = 'zone.stratos.server.createSession'

/** Which service a proof of identity is meant for, unless the operator chose another name. */
export const DEFAULT_SERVICE_FRAGMENT = 'atproto_pns'

export type CollectionAction = 'create' | 'update' | 'delete'

const ALL_ACTIONS: readonly CollectionAction[] = ['create', 'update', 'delete']

/**
 * Formats the OAuth scope for writing one collection on the user's PDS.
 *
 * @returns `repo:<nsid>`, with one `action` parameter each when not all three are asked for
 */
export function buildCollectionScope(
  nsid: string,
  actions: readonly CollectionAction[] = ALL_ACTIONS,
): string {
  if (ALL_ACTIONS.every((action) => actions.includes(action))) return `repo:${nsid}`
  return `repo:${nsid}?${actions.map((action) => `action=${action}`).join('&')}`
}

export interface StratosScopesOptions {
  /** The service to identify the user to. Without it the scopes allow no session with any service. */
  serviceDid?: string
  /** Fragment of the service's DID that names its role; `atproto_pns` unless the operator changed it. */
  serviceFragment?: string
  /** Further methods of the service for which the app gets tokens, such as `zone.stratos.sync.subscribeRecords`. */
  methods?: readonly string[]
  /**
   * Collections the app itself writes on the user's PDS; by default enrollment and posts.
   *
   * An app that leaves those to the service, as most do, passes `[]` and then *cannot* write a record there.
   */
  collections?: readonly string[]
}

/**
 * Lists the OAuth scopes an app asks for; join them with spaces.
 *
 * @see https://atproto.com/specs/permission
 */
export function buildStratosScopes(options: StratosScopesOptions = {}): string[] {
  const { serviceDid, serviceFragment, methods = [], collections = Object.values(STRATOS_SCOPES) } = options
  const scopes = ['atproto', ...collections.map((nsid) => buildCollectionScope(nsid))]
  if (serviceDid !== undefined) {
    const audience = formatAudience(serviceDid, serviceFragment)
    scopes.push(...buildMethodScopes(audience, [CREATE_SESSION_NSID, ...methods]))
  }
  return scopes
}

/** Formats the OAuth scopes for getting tokens for methods of one receiver. @param audience `<did>#<fragment>` */
export function buildMethodScopes(audience: string, methods: readonly string[]): string[] {
  const encoded = encodeAudience(audience)
  return methods.map((method) => `rpc:${method}?aud=${encoded}`)
}

/** `<did>#<fragment>`, the form in which a PDS's scopes and service JWTs name the receiver. */
export function formatAudience(serviceDid: string, serviceFragment = DEFAULT_SERVICE_FRAGMENT): string {
  return `${serviceDid}#${serviceFragment}`
}

// A did:web with a port contains a literal "%3A", which must survive the decoding of the scope's parameters.
function encodeAudience(audience: string): string {
  return encodeURIComponent(audience).replaceAll('%3A', ':')
}
