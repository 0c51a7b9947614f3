import {
  OAuthCallbackError,
  type NodeOAuthClient,
  type NodeSavedStateStore,
} from '@atproto/oauth-client-node'
import { isValidDid, isValidHandle } from '@atproto/syntax'
import { Router, type Request, type Response } from 'express'
import { parseDid, RateLimitedError, StratosError, type Did } from 'stratos-core'
import type { Logger } from '../logger.ts'
import { headersOf, wireErrorOf } from '../xrpc/errors.ts'
import { FAILURE_PAGE_POLICY, formatFailurePage } from './failure-page.ts'
import { beginFlow, clearFlowCookie, decodeFlow, encodeFlow, isSameBrowser, type Flow } from './flow.ts'
import { parseReturnUrl, type ReturnPolicy } from './return-url.ts'

export interface OauthRoutesOptions {
  readonly oauth: NodeOAuthClient
  readonly states: NodeSavedStateStore
  readonly scope: string
  readonly returns: ReturnPolicy
  readonly secure: boolean
  /** Origin of the redirect URI; the browser has to be there for its cookie to come back. */
  readonly callbackOrigin: string
  /** @throws {StratosError} `EnrollmentDenied` */
  readonly enroll: (did: Did) => Promise<{ isNew: boolean }>
  /** Charged for every enrollment that is begun. @throws {StratosError} `RateLimitExceeded` */
  readonly charge: (req: Request) => void
  /** `/status` and `/revoke`. */
  readonly account: Router
  /** Whether the session of an account is still of use after its enrollment has failed. */
  readonly needsSession: (did: Did) => Promise<boolean>
  readonly logger: Logger
}

/** The browser's way through enrollment: `/oauth/authorize` leaves for the user's PDS, `/oauth/callback` comes back. */
export function oauthRoutes(options: OauthRoutesOptions): Router {
  const { oauth, states, returns, secure, callbackOrigin } = options
  const router = Router()
  // What is answered here belongs to one browser and one moment.
  router.use((_req, res, next) => {
    res.setHeader('Cache-Control', 'no-store')
    next()
  })

  router.get('/authorize', async (req, res) => {
    if (callbackOrigin !== returns.publicUrl && req.headers.host === new URL(returns.publicUrl).host) {
      res.redirect(302, `${callbackOrigin}${req.originalUrl}`)
      return
    }
    let returnUrl: URL | null = null
    try {
      options.charge(req)
      const redirectUri = singleParam(req, 'redirect_uri')
      if (redirectUri !== null) returnUrl = parseReturnUrl(redirectUri, returns)
      const identifier = parseIdentifier(singleParam(req, 'handle'))
      const { flow, setCookie } = beginFlow(returnUrl, secure)
      const target = await startAuthorization(oauth, identifier, options.scope, flow)
      res.setHeader('Set-Cookie', setCookie)
      res.redirect(302, target.href)
    } catch (err) {
      answerFailure(req, res, returnUrl, err)
    }
  })

  router.use(options.account)

  router.get('/callback', async (req, res) => {
    let flow: Flow | null = null
    try {
      flow = await findFlow(req, states)
      res.setHeader('Set-Cookie', clearFlowCookie(flow, secure))
      const did = await finishAuthorization(oauth, req, options.scope)
      const enrolled = await enrollOrSignOut(did)
      answerSuccess(res, flow, did, enrolled)
    } catch (err) {
      answerFailure(req, res, flow?.returnUrl == null ? null : new URL(flow.returnUrl), err)
    }
  })

  async function enrollOrSignOut(did: Did): Promise<boolean> {
    try {
      return (await options.enroll(did)).isNew
    } catch (err) {
      // The session is of no use to a service that does not keep its owner.
      if (!(await options.needsSession(did))) await oauth.revoke(did)
      throw err
    }
  }

  function answerFailure(req: Request, res: Response, returnUrl: URL | null, err: unknown): void {
    const failure = describe(err)
    if (failure.status >= 500)
      options.logger.error({ err, requestId: res.getHeader('x-request-id') }, 'enrollment failed')
    if (err instanceof RateLimitedError) res.set(headersOf(err))
    if (returnUrl === null) {
      res.status(failure.status).vary('Accept')
      // Programs get JSON, also those that take anything.
      if (req.accepts(['json', 'html']) === 'html') {
        res.set('Content-Security-Policy', FAILURE_PAGE_POLICY)
        res.type('html').send(formatFailurePage(failure.error, failure.message))
      } else res.json({ error: failure.error, message: failure.message })
      return
    }
    returnUrl.searchParams.delete('stratos_enrolled')
    returnUrl.searchParams.set('error', failure.error)
    returnUrl.searchParams.set('error_description', failure.message)
    res.redirect(302, returnUrl.href)
  }

  return router
}

function answerSuccess(res: Response, flow: Flow, did: Did, enrolled: boolean): void {
  if (flow.returnUrl === null) {
    const message = enrolled ? 'You are enrolled.' : 'You were enrolled already.'
    res.json({ success: true, did, enrolled, message })
    return
  }
  const target = new URL(flow.returnUrl)
  target.searchParams.set('stratos_enrolled', 'true')
  res.redirect(302, target.href)
}

async function startAuthorization(
  oauth: NodeOAuthClient,
  identifier: string,
  scope: string,
  flow: Flow,
): Promise<URL> {
  try {
    return await oauth.authorize(identifier, { scope, state: encodeFlow(flow) })
  } catch (cause) {
    throw new AuthorizationError(
      'There is no such account, or its authorization server could not be reached.',
      { cause },
    )
  }
}

async function finishAuthorization(oauth: NodeOAuthClient, req: Request, scope: string): Promise<Did> {
  const { session } = await oauth.callback(paramsOf(req))
  const granted = new Set((await session.getTokenInfo(false)).scope.split(' '))
  const missing = scope.split(' ').filter((part) => !granted.has(part))
  if (missing.length > 0) {
    await session.signOut()
    throw new StratosError(
      'EnrollmentDenied',
      `enrollment needs permissions that were not granted: ${missing.join(' ')}`,
    )
  }
  return parseDid(session.did)
}

/** @throws {StratosError} `InvalidRequest` unless the flow is known and was begun in this browser */
async function findFlow(req: Request, states: NodeSavedStateStore): Promise<Flow> {
  const state = singleParam(req, 'state')
  const saved = state === null ? undefined : await states.get(state)
  if (saved?.appState === undefined)
    throw new StratosError('InvalidRequest', 'this enrollment is unknown or has expired')
  const flow = decodeFlow(saved.appState)
  if (!isSameBrowser(req, flow)) {
    throw new StratosError('InvalidRequest', 'this enrollment was begun in another browser')
  }
  return flow
}

function parseIdentifier(raw: string | null): string {
  if (raw === null) throw new StratosError('InvalidRequest', 'handle is required')
  const identifier = raw.trim().replace(/^@/, '')
  // The OAuth client would also take a URL, and fetch it.
  if (isValidHandle(identifier) || isValidDid(identifier)) return identifier
  throw new StratosError('InvalidRequest', 'handle must be a handle or a DID')
}

function singleParam(req: Request, name: string): string | null {
  const values = paramsOf(req).getAll(name)
  if (values.length > 1) throw new StratosError('InvalidRequest', `${name} is given more than once`)
  return values[0] ?? null
}

function paramsOf(req: Request): URLSearchParams {
  return new URL(req.originalUrl, 'http://path.invalid').searchParams
}

/** The user's PDS or its directory did not play its part. */
class AuthorizationError extends Error {
  override name = 'AuthorizationError'
}

function describe(err: unknown): { status: number; error: string; message: string } {
  if (err instanceof StratosError) {
    return { status: wireErrorOf(err.code).status, error: err.code, message: err.message }
  }
  if (err instanceof AuthorizationError) return { status: 400, error: err.name, message: err.message }
  if (err instanceof OAuthCallbackError) {
    const denied = err.params.get('error') === 'access_denied'
    if (denied) return { status: 403, error: 'access_denied', message: 'You did not grant access.' }
    return { status: 400, error: 'CallbackError', message: 'The authorization could not be completed.' }
  }
  return { status: 500, error: 'CallbackError', message: 'The authorization could not be completed.' }
}
