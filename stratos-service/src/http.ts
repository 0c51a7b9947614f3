import { randomUUID } from 'node:crypto'
import express, { type Express, type Request, type RequestHandler, type Router } from 'express'
import type { Logger } from './logger.ts'

export interface HttpOptions {
  readonly didDocument: object
  readonly clientMetadata: object
  /** Resolves to the state of each part that the service needs. */
  readonly checkHealth: () => Promise<Readonly<Record<string, 'ok' | 'failed'>>>
  readonly version: string
  /** Whether clients reach this service by https. */
  readonly secure: boolean
  readonly oauth: Router
  /** Answers `/xrpc/*`. */
  readonly xrpc: Express
  /** Answers plain requests for streams, and passes on all others. */
  readonly streams: RequestHandler
  readonly logger: Logger
}

/** The HTTP surface: plain pages, enrollment and XRPC, in one application. */
export function createHttpApp(options: HttpOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  // What is said about a path below must hold for the path that is answered.
  app.set('case sensitive routing', true)
  app.use(requestId, originForm, securityHeaders(options.secure), accessLog(options.logger), cors)

  app.get('/', (_req, res) => {
    res
      .type('text/plain')
      .send(
        'This is a Stratos service: private, boundary-aware data for AT Protocol.\n\nIts methods are under /xrpc/\n',
      )
  })
  app.get('/robots.txt', (_req, res) => {
    res.type('text/plain').send('User-agent: *\nDisallow: /\n')
  })
  app.get('/health', health(options, 200))
  app.get('/ready', health(options, 503))
  app.get('/.well-known/did.json', (_req, res) => {
    res.json(options.didDocument)
  })
  app.get(['/client-metadata.json', '/.well-known/oauth-client-metadata.json'], (_req, res) => {
    res.json(options.clientMetadata)
  })
  app.use('/oauth', options.oauth)
  app.use(notToBeKept)
  app.use(options.streams)
  app.use(options.xrpc)
  app.use((_req, res) => {
    res.status(404).json({ error: 'NotFound', message: 'there is nothing at this address' })
  })
  return app
}

/** @param failedStatus a process that is alive need not be restarted because something else failed */
function health({ checkHealth, version }: HttpOptions, failedStatus: number): RequestHandler {
  return async (_req, res) => {
    const components = await checkHealth()
    const ok = Object.values(components).every((state) => state === 'ok')
    res.status(ok ? 200 : failedStatus).json({ status: ok ? 'ok' : 'failed', components, version })
  }
}

/** A request id of the caller's is kept when it is harmless to repeat. */
const ACCEPTABLE_ID = /^[A-Za-z0-9._-]{1,64}$/

const requestId: RequestHandler = (req, res, next) => {
  const given = req.headers['x-request-id']
  const id = typeof given === 'string' && ACCEPTABLE_ID.test(given) ? given : randomUUID()
  res.setHeader('X-Request-Id', id)
  next()
}

/** The host is ours to say: a request target that names one is refused (RFC 9112 §3.2). */
const originForm: RequestHandler = (req, res, next) => {
  if (req.url.startsWith('/')) return next()
  res.status(400).json({ error: 'InvalidRequest', message: 'the request target must be a path' })
}

/** What a method answers depends on who asks. Blobs say otherwise: they may be kept by their reader and asked for again. */
const notToBeKept: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'private, no-store')
  res.setHeader('Vary', 'Authorization, DPoP')
  next()
}

function securityHeaders(secure: boolean): RequestHandler {
  return (_req, res, next) => {
    res.setHeader('X-Content-Type-Options', 'nosniff')
    res.setHeader('Referrer-Policy', 'no-referrer')
    // Only oauth/failure-page.ts is a page of ours; whatever else ends up in a browser must not act there.
    res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
    if (secure) res.setHeader('Strict-Transport-Security', 'max-age=31536000')
    next()
  }
}

/** Debug level: at info, one line for each request would cost more than many requests do. */
function accessLog(logger: Logger): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now()
    res.once('finish', () => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      const { method, path } = pathOf(req)
      logger.debug(
        { requestId: res.getHeader('x-request-id'), method, path, status: res.statusCode, durationMs },
        'request',
      )
    })
    next()
  }
}

/** Without the query, which may carry a token. */
function pathOf(req: Request): { method: string; path: string } {
  return { method: req.method, path: req.originalUrl.split('?')[0] ?? '' }
}

const ALLOWED_HEADERS =
  'authorization, dpop, content-type, atproto-accept-labelers, atproto-proxy, range, if-none-match, if-range, x-request-id'
const EXPOSED_HEADERS =
  'dpop-nonce, www-authenticate, retry-after, ratelimit-limit, ratelimit-policy, ratelimit-remaining, ratelimit-reset, accept-ranges, content-range, etag, x-request-id'

/** Pages that a browser is led through, and that look at its cookie. */
const PAGES = ['/oauth/authorize', '/oauth/callback']

/** Any origin may call: requests carry their own proof of identity, and cookies play no part but on the pages. */
const cors: RequestHandler = (req, res, next) => {
  if (PAGES.some((page) => req.path.startsWith(page))) return next()
  res.setHeader('Access-Control-Allow-Origin', '*')
  res.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS)
  if (req.method !== 'OPTIONS') return next()
  res.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST')
  res.setHeader('Access-Control-Allow-Headers', ALLOWED_HEADERS)
  res.setHeader('Access-Control-Max-Age', '86400')
  res.status(204).end()
}
