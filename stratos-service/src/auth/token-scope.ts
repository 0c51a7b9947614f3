/** What the scope of an access token lets its bearer do here. */
export interface TokenGrant {
  mayWrite(action: 'create' | 'update' | 'delete', collection: string): boolean
}

const MAX_SCOPES = 200
const ACTIONS = ['create', 'update', 'delete']

/**
 * Procedures that a scope decides about, by their last segment: writes, each checked against `mayWrite`, and reads in the
 * form of a procedure. Everything else that changes something takes a session key or a service token, to which the user
 * has agreed for this service.
 */
const PROCEDURES = new Set(
  ['createRecord', 'putRecord', 'deleteRecord', 'applyWrites'].flatMap((name) => [
    `com.atproto.repo.${name}`,
    `zone.stratos.repo.${name}`,
  ]),
)
const READING_PROCEDURES = new Set(['zone.stratos.repo.hydrateRecord', 'zone.stratos.repo.hydrateRecords'])

/** Whether an access token may call a method at all. */
export function isWithinTokens(nsid: string, kind: 'query' | 'procedure'): boolean {
  return kind === 'query' || PROCEDURES.has(nsid) || READING_PROCEDURES.has(nsid)
}

/**
 * Reads the `scope` of an access token. What it does not understand grants nothing.
 *
 * @see https://atproto.com/specs/permission
 */
export function readTokenScope(scope: unknown): TokenGrant {
  const parts = typeof scope === 'string' ? scope.split(' ').slice(0, MAX_SCOPES) : []
  const everything = parts.includes('transition:generic')
  const permissions = parts.flatMap(parseRepoPermission)
  return {
    mayWrite: (action, collection) =>
      everything ||
      permissions.some(
        ({ collections, actions }) =>
          actions.has(action) && (collections.has('*') || collections.has(collection)),
      ),
  }
}

/** `repo:<collection>?action=…`, or `repo?collection=…&collection=…&action=…`; without an action it means all. */
function parseRepoPermission(
  scope: string,
): { collections: ReadonlySet<string>; actions: ReadonlySet<string> }[] {
  const [, positional, query] = /^repo(?::([^?]+))?(?:\?(.*))?$/.exec(scope) ?? []
  if (positional === undefined && query === undefined) return []
  const params = new URLSearchParams(query)
  const known = [...params.keys()].every((name) => name === 'collection' || name === 'action')
  const named = params.getAll('collection')
  // Saying it both ways is not a permission.
  if (!known || (positional !== undefined && named.length > 0)) return []
  const actions = params.getAll('action')
  if (actions.some((action) => !ACTIONS.includes(action))) return []
  const collections =
    positional === undefined ? named : new URLSearchParams(`collection=${positional}`).getAll('collection')
  return [{ collections: new Set(collections), actions: new Set(actions.length > 0 ? actions : ACTIONS) }]
}
