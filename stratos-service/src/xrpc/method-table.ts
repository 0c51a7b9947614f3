import { lexStringify } from '@atproto/lex-json'
import type { LexValue } from '@atproto/lex-data'
import { l } from '@atproto/lex'
import {
  createServer,
  InternalServerError,
  type LexMethodConfig,
  type LexMethodInput,
  type LexMethodParams,
  type Server,
} from '@atproto/xrpc-server'
import type { Request, Response } from 'express'
import { parseNsid, StratosError, type Viewer } from 'stratos-core'
import type { Authenticator } from '../auth/authenticate.ts'
import { toAuthRequest } from '../auth/express-request.ts'
import type { Guard } from '../auth/guards.ts'
import type { Logger } from '../logger.ts'
import { networkOf } from '../limits/network-of.ts'
import type { ReadRates } from '../limits/read-rates.ts'
import { headersOf, toXrpcError } from './errors.ts'
import { JSON_TYPE, PreparedBody, StreamedBody } from './prepared-body.ts'
import { jsonBody } from './json-body.ts'
import { BLOB_ANSWERS, JSON_ANSWERS, OpenAnswers } from './open-answers.ts'
import { setRateLimitHeaders } from './rate-limit-headers.ts'
import { withQuietParsing } from './quiet-schema.ts'
import { subscriptionRoute, type StreamHandler, type SubscriptionRoute } from './subscription.ts'
import { sendBlob, type BlobAnswer } from './send-blob.ts'
import { assertPlainBody, discardBody, uploadBodyOf, type UploadBody } from './upload-body.ts'

type Method = l.Procedure | l.Query

/** One authenticated, validated call. */
export interface Call<V extends Viewer, Params, Input> {
  readonly viewer: V
  readonly params: Params
  readonly input: Input
  /** Whom limits count: the account of the viewer, or else the network that the request came from. */
  readonly asker: string
  /** For what an answer says besides its body. */
  readonly setHeader: (name: string, value: string) => void
}

/** Answers a call with the body of its output, or throws `StratosError`. Translates; decides nothing. */
export type Handler<M extends Method, V extends Viewer> = (
  call: Call<V, LexMethodParams<M>, LexMethodInput<M>>,
) => Promise<Answer<M>>

/** What a handler answers with: a body, or one that is put together already, or will be while it is sent. */
type Answer<M extends Method> = l.InferMethodOutputBody<M> | PreparedBody | StreamedBody

/** A call that is answered with a blob. */
export interface BlobCall<V extends Viewer, Params> extends Pick<
  Call<V, Params, undefined>,
  'viewer' | 'params'
> {
  /** Counts a read of somebody whom only the handler gets to know. @throws {StratosError} `RateLimitExceeded` */
  readonly charge: (viewer: Viewer) => void
}

export interface RouteLimits {
  /** Largest JSON body; 64 KiB unless said otherwise. */
  readonly maxJsonBytes?: number
  /** Largest body of another kind, which the handler gets as a stream; none may be longer than JSON unless said otherwise. */
  readonly maxStreamBytes?: number
  /** Whether calls count as reads; queries do unless said otherwise. */
  readonly isRead?: boolean
}

const MAX_JSON_BYTES = 64 * 1024

/** The methods this service answers, each with the guard that says who may call it. */
export class MethodTable {
  readonly server: Server = createServer(undefined, { validateResponse: false, errorParser: toXrpcError })
  readonly #auth: Authenticator
  readonly #reads: Pick<ReadRates, 'charge'>
  readonly #addressOf: (req: Request) => string
  readonly #logger: Logger
  readonly #routes: { readonly method: string; readonly guard: string }[] = []
  readonly #subscriptions: SubscriptionRoute[] = []
  readonly #largeBodies = new Set<string>()
  readonly #answers = new OpenAnswers(JSON_ANSWERS)
  readonly #blobAnswers = new OpenAnswers(BLOB_ANSWERS)

  constructor(options: {
    auth: Authenticator
    reads: Pick<ReadRates, 'charge'>
    addressOf: (req: Request) => string
    logger: Logger
  }) {
    this.#auth = options.auth
    this.#reads = options.reads
    this.#addressOf = options.addressOf
    this.#logger = options.logger
    this.server.router.disable('x-powered-by')
    this.server.router.disable('etag')
    // Names of methods are compared character by character; the XRPC server's router has no way to be told.
    Object.assign(this.server.routes, { caseSensitive: true, strict: true })
    // Guards throw their errors. The server would look for one in what they resolve to as well, which makes two, with
    // traces, only to find that it is none.
    Object.assign(this.server, { createAuthVerifier: ({ auth }: { auth: unknown }) => auth })
  }

  /** Method and guard of every route, for the review of the list. */
  get routes(): readonly { readonly method: string; readonly guard: string }[] {
    return this.#routes
  }

  /** Methods that answer with a stream. */
  get subscriptions(): readonly SubscriptionRoute[] {
    return this.#subscriptions
  }

  /** Paths of methods whose bodies may be large, and so take long to arrive. */
  get largeBodies(): ReadonlySet<string> {
    return this.#largeBodies
  }

  /** As `add`, for a method that answers with a stream. */
  subscribe<S extends l.Subscription, V extends Viewer>(
    method: l.Main<S>,
    guard: Guard<V>,
    handler: StreamHandler<S, V>,
  ): void {
    const schema = l.getMain(method)
    const nsid = parseNsid(schema.nsid)
    this.#routes.push({ method: nsid, guard: guard.name })
    this.#subscriptions.push(subscriptionRoute(schema, nsid, guard, handler))
  }

  /** There is deliberately no way to add a method without a guard. */
  add<M extends Method, V extends Viewer>(
    method: l.Main<M>,
    guard: Guard<V>,
    // `Handler<M, V>` written out: an alias of the same shape may then serve two methods.
    handler: (call: Call<V, LexMethodParams<M>, LexMethodInput<M>>) => Promise<Answer<M>>,
    limits: RouteLimits = {},
  ): void {
    const schema: l.Procedure | l.Query = l.getMain(method)
    const maxJsonBytes = limits.maxJsonBytes ?? MAX_JSON_BYTES
    if (limits.maxStreamBytes !== undefined) this.#largeBodies.add(`/xrpc/${schema.nsid}`)
    const isRead = limits.isRead ?? schema.type === 'query'
    const takesJson = 'input' in schema && schema.input.encoding === 'application/json'
    const config: LexMethodConfig<M, { credentials: V }> = {
      opts: { jsonLimit: maxJsonBytes, blobLimit: limits.maxStreamBytes ?? maxJsonBytes },
      auth: this.#guarded(method, guard, takesJson ? jsonBody(maxJsonBytes) : null, isRead),
      handler: ({ req, res, params, input, auth }) =>
        this.#translate(req, res, async () => {
          const answerIt = async () => {
            const answer = await handler({
              viewer: auth.credentials,
              params,
              input,
              asker: askerOf(auth.credentials, this.#addressOf(req)),
              setHeader: (name, value) => res.setHeader(name, value),
            })
            if (answer instanceof StreamedBody) {
              if (!res.closed) return { encoding: answer.encoding, stream: answer.stream }
              // Node begins no pipe to what has ended, and leaves open what it would have read from.
              answer.stream.destroy()
              return undefined as never
            }
            send(res, answer)
            // It is sent. Before sending anything itself the server would try what kind of answer it is, which takes longer.
            return undefined as never
          }
          return isRead ? this.#answers.run(auth.credentials, res, answerIt) : answerIt()
        }),
    }
    // The overloads cannot be chosen while the method is a type parameter; `config` was checked against its type above.
    this.server.add(withQuietParsing(method), config as never)
  }

  /** Adds a method whose answer is a blob instead of JSON. */
  addBlob<M extends l.Query, V extends Viewer>(
    method: l.Main<M>,
    guard: Guard<V>,
    handler: (call: BlobCall<V, LexMethodParams<M>>) => Promise<BlobAnswer>,
    { isRead }: Pick<RouteLimits, 'isRead'> = {},
  ): void {
    const config: LexMethodConfig<M, { credentials: V }> = {
      auth: this.#guarded(method, guard, null, isRead),
      handler: ({ req, res, params, auth }) =>
        this.#translate(req, res, async () => {
          if (isRead !== false) this.#blobAnswers.enter(auth.credentials, res)
          const charge = (viewer: Viewer) => {
            this.#charge(viewer, req, res)
            this.#blobAnswers.enter(viewer, res)
          }
          const answer = await handler({ viewer: auth.credentials, params, charge })
          await sendBlob(req, res, answer).catch((err: unknown) => this.#cutOff(req, res, err))
          // The answer is sent; there is nothing left for the server to add.
          return undefined as never
        }),
    }
    this.server.add(method, config as never)
  }

  /** Adds a method that reads its body as it comes, whatever that is. */
  addUpload<M extends l.Procedure, V extends Viewer>(
    method: l.Main<M>,
    guard: Guard<V>,
    handler: (
      call: Pick<Call<V, LexMethodParams<M>, undefined>, 'viewer' | 'setHeader'> & {
        readonly body: UploadBody
      },
    ) => Promise<Answer<M>>,
  ): void {
    this.#largeBodies.add(`/xrpc/${l.getMain(method).nsid}`)
    const config: LexMethodConfig<M, { credentials: V }> = {
      auth: this.#guarded(method, guard, async (req) => assertPlainBody(req)),
      handler: ({ req, res, auth }) =>
        this.#translate(req, res, async () => {
          const setHeader = (name: string, value: string) => res.setHeader(name, value)
          try {
            send(res, await handler({ viewer: auth.credentials, setHeader, body: uploadBodyOf(req) }))
            return undefined as never
          } catch (err) {
            discardBody(req)
            throw err
          }
        }),
    }
    this.server.add(method, config as never)
  }

  /**
   * Names the guard in the list of routes, and lets it decide about each call.
   *
   * @param afterwards done for those who were let in: nobody unknown makes us read a body. The server finds it read, and
   *   leaves it so.
   */
  #guarded<M extends Method, V extends Viewer>(
    method: l.Main<M>,
    guard: Guard<V>,
    afterwards: ((req: Request, res: Response) => Promise<unknown>) | null,
    isRead?: boolean,
  ) {
    const schema: l.Procedure | l.Query = l.getMain(method)
    const nsid = parseNsid(schema.nsid)
    const kind = schema.type === 'query' ? 'query' : 'procedure'
    const counts = isRead ?? kind === 'query'
    this.#routes.push({ method: nsid, guard: guard.name })
    this.#refuseOtherVerbs(nsid, kind === 'query' ? ['GET', 'HEAD'] : ['POST'])
    return ({ req, res, params }: { req: Request; res: Response; params: LexMethodParams<M> }) =>
      this.#translate(req, res, async () => {
        const request = toAuthRequest(req, res, this.#addressOf(req))
        const credentials = await guard.resolve({ auth: this.#auth, request, nsid, kind, params })
        if (counts) this.#charge(credentials, req, res)
        await afterwards?.(req, res)
        return { credentials }
      })
  }

  #charge(viewer: Viewer, req: Request, res: Response): void {
    const allowance = this.#reads.charge(viewer, this.#addressOf(req))
    if (allowance !== null) setRateLimitHeaders(allowance, (name, value) => res.setHeader(name, value))
  }

  /** Of an answer under way nothing can be taken back: the connection ends, and the reader sees that it is incomplete. */
  #cutOff(req: Request, res: Response, err: unknown): void {
    if (!res.headersSent) throw err
    const readerLeft = err instanceof Error && 'code' in err && err.code === 'ERR_STREAM_PREMATURE_CLOSE'
    if (!readerLeft) {
      this.#logger.error({ err, requestId: res.getHeader('x-request-id'), path: req.path }, 'answer cut off')
    }
    res.destroy()
  }

  /** GET and POST in each other's place are told so by the XRPC server; it knows no other verb. */
  #refuseOtherVerbs(nsid: string, verbs: readonly string[]): void {
    this.server.routes.all(`/xrpc/${nsid}`, (req, res, next) => {
      if (verbs.includes(req.method)) return next()
      res.setHeader('Allow', verbs.join(', '))
      if (req.method === 'GET' || req.method === 'POST') return next()
      res.status(405).json({ error: 'InvalidRequest', message: `use ${verbs[0]} to call this method` })
    })
  }

  async #translate<T>(req: Request, res: Response, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (err) {
      if (!(err instanceof StratosError)) {
        this.#logger.error(
          { err, requestId: res.getHeader('x-request-id'), path: req.path },
          'request failed',
        )
        throw new InternalServerError('Internal Server Error')
      }
      for (const [name, value] of Object.entries(headersOf(err))) res.setHeader(name, value)
      throw err
    }
  }
}

function askerOf(viewer: Viewer, address: string): string {
  return 'did' in viewer ? viewer.did : networkOf(address)
}

function send(res: Response, body: unknown): void {
  if (body instanceof PreparedBody) {
    res.setHeader('Content-Type', body.encoding)
    res.end(body.bytes)
    return
  }
  res.setHeader('Content-Type', JSON_TYPE)
  // Text goes out together with the headers, bytes in a second piece.
  res.end(lexStringify(body as LexValue))
}
