/**
 * Who may call a method. A route names one of these; there is no route without.
 *
 * A guard answers with a viewer of a certain kind, and its type says which: a handler that needs a user does not compile
 * behind a guard that may let somebody else in.
 */
import {
  ANONYMOUS,
  StratosError,
  type AnonymousViewer,
  type Nsid,
  type OperatorViewer,
  type SessionKey,
  type ServiceViewer,
  type UserViewer,
  type Viewer,
} from 'stratos-core'
import {
  setChallenge,
  type AuthRequest,
  type Authenticator,
  type Caller,
  type MethodKind,
} from './authenticate.ts'

/** What a guard is given about one call. */
export interface GuardContext {
  readonly auth: Pick<Authenticator, 'authenticate' | 'authenticateOperator' | 'proveKey' | 'register'>
  readonly request: AuthRequest
  readonly nsid: Nsid
  readonly kind: MethodKind
  /** Query parameters. The body is not there yet: nobody's body is read before they are let in. */
  readonly params: Readonly<Record<string, unknown>>
}

export interface Guard<V extends Viewer> {
  /** For the list of routes. */
  readonly name: string
  /**
   * @throws {StratosError} what authentication throws; `AuthenticationRequired` where a viewer is wanted and none came;
   *   `Forbidden` or `NotEnrolled` for the wrong one
   */
  readonly resolve: (context: GuardContext) => Promise<V>
}

export type EnrolledViewer = UserViewer & { readonly enrolled: true }
/** Somebody who has proven to hold a key, and nothing else. */
export type KeyHolder = AnonymousViewer & {
  /**
   * Lets the key speak for the account that signed `serviceAuth`.
   *
   * @throws {StratosError} as `Authenticator.register`
   */
  readonly register: (serviceAuth: string) => Promise<SessionKey>
}
/** A user, and the session key by which they were recognised; null if it was something else. */
export type SessionViewer = UserViewer & { readonly jkt: string | null }

/** Lets everybody in. @param reason why that is right, for whoever reviews the routes */
export function open(reason: string): Guard<Caller['viewer']> {
  return { name: `open: ${reason}`, resolve: async (context) => (await identify(context)).viewer }
}

/** Lets everybody in; what they see depends on who they are. */
export const anyViewer: Guard<Caller['viewer']> = {
  name: 'anyViewer',
  resolve: async (context) => (await identify(context)).viewer,
}

/** A verified account, enrolled or not. */
export const user: Guard<UserViewer> = {
  name: 'user',
  resolve: async (context) => requireUser(await signedIn(context)),
}

export const enrolledUser: Guard<EnrolledViewer> = {
  name: 'enrolledUser',
  resolve: async (context) => {
    const viewer = requireUser(await signedIn(context))
    if (!isEnrolled(viewer)) throw new StratosError('NotEnrolled', 'this account is not enrolled here')
    return viewer
  },
}

/** An allow-listed service. */
export const service: Guard<ServiceViewer> = {
  name: 'service',
  resolve: async (context) => {
    const { viewer } = await signedIn(context)
    if (viewer.kind !== 'service')
      throw new StratosError('Forbidden', 'only allow-listed services may call this')
    return viewer
  },
}

/**
 * The account whose DID is in a query parameter, or an allow-listed service.
 *
 * @param param name of the parameter; a procedure has its repo in the body and needs another guard
 */
export function ownerOrService(param: string): Guard<UserViewer | ServiceViewer> {
  return {
    name: `ownerOrService(${param})`,
    resolve: async (context) => {
      const { viewer } = await signedIn(context)
      if (viewer.kind === 'user' && viewer.did !== context.params[param]) {
        throw new StratosError('Forbidden', 'only the owner and allow-listed services may call this')
      }
      return viewer
    },
  }
}

export const admin: Guard<OperatorViewer> = {
  name: 'admin',
  resolve: async ({ auth, request, nsid, kind }) => auth.authenticateOperator(request, nsid, kind),
}

/** For registering a session key: a proof, by a key that may be unknown. */
export const keyHolder: Guard<KeyHolder> = {
  name: 'keyHolder',
  resolve: async ({ auth, request }) => {
    const proof = await auth.proveKey(request)
    return { ...ANONYMOUS, register: (serviceAuth) => auth.register(request, proof, serviceAuth) }
  },
}

/** A verified account, enrolled or not, for methods about its session keys. */
export const sessionHolder: Guard<SessionViewer> = {
  name: 'sessionHolder',
  resolve: async (context) => {
    const caller = await signedIn(context)
    return { ...requireUser(caller), jkt: caller.jkt }
  },
}

function identify({ auth, request, nsid, kind }: GuardContext): Promise<Caller> {
  return auth.authenticate(request, nsid, kind)
}

interface SignedIn extends Caller {
  readonly viewer: UserViewer | ServiceViewer
}

async function signedIn(context: GuardContext): Promise<SignedIn> {
  const { viewer, jkt } = await identify(context)
  if (viewer.kind !== 'anonymous') return { viewer, jkt }
  const error = new StratosError('AuthenticationRequired', 'sign in to call this method')
  setChallenge(context.request, error, 'none')
  throw error
}

function requireUser({ viewer }: SignedIn): UserViewer {
  if (viewer.kind !== 'user') throw new StratosError('Forbidden', 'only a person may call this')
  return viewer
}

function isEnrolled(viewer: UserViewer): viewer is EnrolledViewer {
  return viewer.enrolled
}
