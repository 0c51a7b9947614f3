import { l } from '@atproto/lex'
import { createServer, XRPCError, type LexMethodParams, type Server } from '@atproto/xrpc-server'
import { app, zone } from 'stratos-core/lexicons'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import type { Database } from '../tables/database.ts'
import { formatCursor, parseCursor } from './cursor.ts'
import { listByAuthor, listOwn, listTimeline, type PageRequest } from './feed-queries.ts'
import { MAX_ANSWER_BYTES, weigh, type KeptPost } from './kept-posts.ts'
import { MembershipsUnknownError, type Memberships } from './memberships.ts'
import { OpenAnswers } from './open-answers.ts'
import { findPost, type ThreadPost } from './post-queries.ts'
import { buildPostView } from './post-views.ts'
import { buildProfile, findActor } from './profile.ts'
import type { RequestRate } from './request-rate.ts'
import { searchPosts, wordsOf } from './search.ts'
import { buildThread } from './thread.ts'
import { boundariesToRead, type Viewer } from './viewer.ts'
import type { ViewerTokens } from './viewer-tokens.ts'

export interface AppviewOptions {
  readonly database: Database
  readonly memberships: Memberships
  readonly tokens: ViewerTokens
  readonly rate: RequestRate
  readonly metrics: Metrics
  readonly logger: Logger
}

type Query<M extends l.Query> = (viewer: Viewer, params: LexMethodParams<M>) => Promise<object>

/** The read API. `router` answers `/xrpc/*`; every method is for a viewer who has proved who they are. */
export function createAppview(options: AppviewOptions): Server {
  const { database } = options
  const { db } = database
  const open = new OpenAnswers()
  const server = createServer(undefined, { validateResponse: false })
  server.router.disable('x-powered-by')
  server.router.disable('etag')

  add(zone.stratos.feed.getTimeline, (viewer, { boundary, ...page }) =>
    feed(page, (request) => listTimeline(db, boundariesToRead(viewer, boundary), request)),
  )
  add(zone.stratos.feed.getAuthorFeed, async (viewer, { actor, boundary, ...page }) => {
    const did = await findActor(db, actor)
    return feed(page, async (request) => {
      if (did === null) return []
      const isOwn = did === viewer.did && boundary === undefined
      if (isOwn) return listOwn(db, did, [...viewer.boundaries.keys()], request)
      return listByAuthor(db, did, boundariesToRead(viewer, boundary), request)
    })
  })
  add(zone.stratos.feed.getPost, async (viewer, { uri }) => ({
    post: { post: buildPostView(await getPost(viewer, uri)) },
  }))
  add(zone.stratos.feed.getPostThread, async (viewer, { uri, depth, parentHeight }) => ({
    thread: await buildThread(db, viewer, await getPost(viewer, uri), { depth, parentHeight }),
  }))
  add(zone.stratos.feed.searchPosts, (viewer, { q, boundary, ...page }) =>
    feed(page, (request) => searchPosts(database, wordsOf(q), boundariesToRead(viewer, boundary), request)),
  )
  add(app.bsky.actor.getProfile, async (viewer, { actor }) => {
    const profile = await buildProfile(db, viewer, actor)
    if (profile === null) throw new XRPCError(400, 'there is no such profile', 'InvalidRequest')
    return profile
  })
  return server

  async function getPost(viewer: Viewer, uri: string): Promise<ThreadPost> {
    const post = viewer.boundaries.size === 0 ? null : await findPost(db, viewer, uri)
    if (post === null) throw new XRPCError(404, 'there is no such post', 'PostNotFound')
    return post
  }

  function add<M extends l.Query>(method: l.Main<M>, answer: Query<M>): void {
    const { nsid } = l.getMain(method) as l.Query
    const config = {
      handler: async ({ req, res, params }: { req: Req; res: Res; params: LexMethodParams<M> }) => {
        res.once('finish', () => {
          const labels = { method: nsid, status: String(res.statusCode) }
          options.metrics.add('stratos_indexer_api_requests_total', labels)
        })
        try {
          const reader = await options.tokens.verify(req.headers.authorization, nsid)
          // Whoever has left in the meantime takes up nothing, and will not leave again.
          const isOneTooMany = !res.closed && !open.take(reader.did, (release) => res.once('close', release))
          const waitSec = isOneTooMany ? 1 : options.rate.take(reader.did)
          if (waitSec > 0) {
            res.setHeader('Retry-After', String(waitSec))
            throw new XRPCError(429, 'too many requests', 'RateLimitExceeded')
          }
          const viewer = await options.memberships.viewer(reader.did)
          if (viewer.boundaries.size > 0) reader.spend()
          const body = await answer(viewer, params)
          // Sent here: the server would take the JSON of records for records, and turn it into JSON once more.
          res.setHeader('Cache-Control', 'private, no-store')
          res.status(200).type('application/json').send(JSON.stringify(body))
        } catch (err) {
          if (err instanceof XRPCError) throw err
          if (err instanceof MembershipsUnknownError) {
            res.setHeader('Retry-After', String(err.retryAfterSec))
            throw new XRPCError(503, err.message, 'ServiceUnavailable')
          }
          options.logger.error({ err, method: nsid }, 'request failed')
          throw new XRPCError(500, 'Internal Server Error', 'InternalServerError')
        }
      },
    }
    // The overloads cannot be chosen while the method is a type parameter.
    server.add(method, config as never)
  }
}

interface Req {
  readonly headers: { readonly authorization?: string | undefined }
}
interface Res {
  readonly statusCode: number
  readonly closed: boolean
  once(event: 'finish' | 'close', tell: () => void): unknown
  setHeader(name: string, value: string): void
  status(code: number): Res
  type(name: string): Res
  send(body: string): void
}

async function feed(
  { cursor, limit }: { cursor?: string | undefined; limit: number },
  list: (request: PageRequest) => Promise<KeptPost[]>,
): Promise<object> {
  const after = cursor === undefined ? null : parseCursor(cursor)
  if (cursor !== undefined && after === null) throw new XRPCError(400, 'malformed cursor', 'InvalidRequest')
  // One more than is shown tells whether there is another page. One that is full may have been cut.
  const posts = await list({ after, limit: limit + 1 })
  const shown = posts.slice(0, limit)
  const goesOn = posts.length > limit || weigh(posts) >= MAX_ANSWER_BYTES
  const last = goesOn ? shown.at(-1) : undefined
  return {
    ...(last === undefined ? {} : { cursor: formatCursor(last) }),
    feed: shown.map((post) => ({ post: buildPostView(post) })),
  }
}
