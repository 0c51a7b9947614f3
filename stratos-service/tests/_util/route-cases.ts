/** Everybody who may stand before a route. */
export const PRINCIPALS = [
  'anonymous',
  'bad credential',
  'not enrolled',
  'stranger',
  'member',
  'ex-member',
  'owner',
  'service',
  'unknown service',
  'admin',
  'expired session',
  'revoked session',
] as const
export type Principal = (typeof PRINCIPALS)[number]

/** Credentials that hold for nobody at all: refused on every route. */
export const REFUSED: readonly Principal[] = ['bad credential', 'expired session', 'revoked session']

const USERS: readonly Principal[] = [
  'not enrolled',
  'stranger',
  'member',
  'ex-member',
  'owner',
  'unknown service',
]
const ENROLLED: readonly Principal[] = ['stranger', 'member', 'ex-member', 'owner']

/** Whom a guard lets in, where the route has no case of its own. Guards with a parameter go by what is before it. */
export const LET_IN: Readonly<Record<string, readonly Principal[]>> = {
  open: ['anonymous', ...USERS, 'service'],
  anyViewer: ['anonymous', ...USERS, 'service'],
  user: USERS,
  enrolledUser: ENROLLED,
  service: ['service'],
  ownerOrService: ['owner', 'service'],
  admin: ['admin'],
  keyHolder: [],
  sessionHolder: USERS,
}

/** What the values of a route are made of. */
export interface Scene {
  readonly owner: string
  readonly collection: string
  readonly rkey: string
  readonly uri: string
  readonly cid: string
  readonly boundary: string
  /** A good record of the owner's. */
  readonly record: object
  readonly nobody: string
}

/** Values by the name of a parameter or a member of the body: enough for most routes. */
export const VALUES: Readonly<Record<string, (scene: Scene) => unknown>> = {
  did: ({ owner }) => owner,
  repo: ({ owner }) => owner,
  viewer: ({ owner }) => owner,
  collection: ({ collection }) => collection,
  rkey: ({ rkey }) => rkey,
  uri: ({ uri }) => uri,
  uris: ({ uri }) => [uri],
  cid: ({ cid }) => cid,
  boundary: ({ boundary }) => boundary,
  boundaries: ({ boundary }) => [boundary],
  record: ({ record }) => record,
  serviceAuth: () => 'a.b.c',
  queue: () => 'stub',
  key: () => 'nothing',
}

export interface RouteCase {
  /** More than `VALUES` give, or something else. */
  readonly params?: (scene: Scene) => Readonly<Record<string, string>>
  readonly body?: (scene: Scene) => unknown
  /** Bytes instead of JSON. */
  readonly bytes?: { readonly type: string; readonly content: Buffer }
  /** Whom the route lets in: not everybody whom its guard does, as where the repo must be one's own. */
  readonly letsIn?: readonly Principal[]
}

const OWN_REPO = { letsIn: ['owner'] } as const
const create = ({ owner, collection, record }: Scene) => ({ repo: owner, collection, record })
/** Not the record that the others read. */
const another = (scene: Scene) => ({ ...create(scene), rkey: 'another' })
const removal = ({ owner, collection }: Scene) => ({ repo: owner, collection, rkey: 'missing' })
const batch = ({ owner, collection, record }: Scene) => ({
  repo: owner,
  writes: [{ action: 'create', collection, record }],
})

/**
 * Routes that the defaults do not fit, by method; a name that ends in `.*` stands for it in every namespace. A new route
 * needs a line here when it has an input that `VALUES` do not know, or lets in others than its guard says.
 */
export const ROUTE_CASES: Readonly<Record<string, RouteCase>> = {
  'repo.createRecord': { ...OWN_REPO, body: create },
  'repo.putRecord': { ...OWN_REPO, body: another },
  'repo.deleteRecord': { ...OWN_REPO, body: removal },
  'repo.applyWrites': { ...OWN_REPO, body: batch },
  'zone.stratos.server.deleteSession': { params: () => ({ jkt: 'none' }) },
  'zone.stratos.admin.enroll': { body: ({ nobody }) => ({ did: nobody }) },
  'zone.stratos.admin.setBoundaries': { body: ({ nobody }) => ({ did: nobody, boundaries: [] }) },
  'zone.stratos.admin.removeBoundary': { body: ({ nobody, boundary }) => ({ did: nobody, boundary }) },
  // Of somebody who is not there: the scene must stay as it is.
  'zone.stratos.admin.unenroll': { body: ({ nobody }) => ({ did: nobody }) },
  'zone.stratos.enrollment.unenroll': { letsIn: [], body: () => 'not an object' },
  'zone.stratos.admin.takedownRecord': {
    body: ({ owner, collection }) => ({ uri: `at://${owner}/${collection}/none` }),
  },
  'zone.stratos.admin.restoreRecord': {
    body: ({ owner, collection }) => ({ uri: `at://${owner}/${collection}/none` }),
  },
  // Streams would not end; these do, for those who may open them.
  'zone.stratos.sync.subscribeRecords': {
    params: ({ owner }) => ({ did: owner, format: 'json', cursor: '900000000' }),
  },
  'zone.stratos.sync.subscribeRepos': { params: () => ({ format: 'json', cursor: '900000000' }) },
  'zone.stratos.sync.getSignedBlob': { params: () => ({ token: 'none' }) },
  'zone.stratos.sync.signBlobs': { params: ({ owner, cid }) => ({ did: owner, cids: cid }) },
  'repo.uploadBlob': { bytes: { type: 'image/png', content: Buffer.from('not a picture') } },
  'repo.importRepo': { bytes: { type: 'application/vnd.ipld.car', content: Buffer.from('not a CAR') } },
}

/** @returns the case of a route; its namespace aside where there is one for both */
export function routeCaseOf(method: string): RouteCase {
  return ROUTE_CASES[method] ?? ROUTE_CASES[method.replace(/^(com\.atproto|zone\.stratos)\./, '')] ?? {}
}
