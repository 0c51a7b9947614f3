import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Request, RequestHandler } from 'express'
import { ANONYMOUS, StratosError } from 'stratos-core'
import { WebSocketServer } from 'ws'
import type { Caller } from '../auth/authenticate.ts'
import type { StreamAccess } from '../auth/stream-access.ts'
import type { StreamCredentials } from '../auth/stream-credentials.ts'
import type { Logger } from '../logger.ts'
import type { StreamEncoding } from '../stream/encoding.ts'
import { EventSourceSink } from '../stream/event-source-sink.ts'
import type { Follower, OpenStreams } from '../stream/open-streams.ts'
import type { Sink } from '../stream/sink.ts'
import { WebSocketSink } from '../stream/web-socket-sink.ts'
import { headersOf, wireErrorOf } from './errors.ts'
import type { Followed, SubscriptionRoute } from './subscription.ts'

/** Followers have nothing to say; larger messages are not even read. */
const MAX_INBOUND_BYTES = 4 * 1024

export interface StreamEndpointOptions {
  readonly routes: readonly SubscriptionRoute[]
  readonly credentials: StreamCredentials
  readonly access: StreamAccess
  readonly streams: OpenStreams
  readonly encodings: { readonly frames: StreamEncoding; readonly eventSource: StreamEncoding }
  readonly addressOf: (req: IncomingMessage) => string
  readonly logger: Logger
}

/** A request that has passed its guard and has a place. */
interface Admitted {
  readonly followed: Followed
  readonly follower: Follower
  readonly release: () => void
}

/** Opens streams: over WebSockets as frames, over plain HTTP as Server-Sent Events. */
export class StreamEndpoint {
  readonly #options: StreamEndpointOptions
  readonly #routes: ReadonlyMap<string, SubscriptionRoute>
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_INBOUND_BYTES,
  })

  constructor(options: StreamEndpointOptions) {
    this.#options = options
    this.#routes = new Map(options.routes.map((route) => [`/xrpc/${route.nsid}`, route]))
  }

  /** Answers an upgrade request. What is refused is refused before the upgrade, by an HTTP status. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ignore = () => undefined
    socket.on('error', ignore)
    const headers: Record<string, string> = {}
    const setHeader = (name: string, value: string) => void (headers[name] = value)
    this.#admit(req, setHeader).then(
      (admitted) => {
        if (admitted === null)
          return refuse(socket, new StratosError('NotFound', 'there is no such stream'), headers)
        if (socket.destroyed) return admitted.release()
        socket.once('close', admitted.release)
        socket.off('error', ignore)
        this.#sockets.handleUpgrade(req, socket, head, (webSocket) => {
          const { frames } = this.#options.encodings
          const sink = new WebSocketSink(webSocket, (failure) => frames.failure(failure))
          const gone = new AbortController()
          webSocket.once('close', () => gone.abort())
          this.#run(admitted, frames, sink, gone.signal)
        })
      },
      (err: unknown) => refuse(socket, this.#known(err), headers),
    )
  }

  /** Answers plain requests for streams; passes on all others. */
  readonly handler: RequestHandler = (req, res, next) => {
    if (!this.#routes.has(req.path)) return next()
    const answer = (err: StratosError) => {
      for (const [name, value] of Object.entries(headersOf(err))) res.setHeader(name, value)
      const { status, name } = wireErrorOf(err.code)
      res.status(status).json({ error: name, message: err.message })
    }
    if (req.method !== 'GET') {
      res.setHeader('Allow', 'GET')
      res.status(405).json({ error: 'InvalidRequest', message: 'a stream is opened with GET' })
      return
    }
    if (req.query['format'] !== 'json') {
      res.setHeader('Upgrade', 'websocket')
      const message = 'this is a stream: connect by WebSocket, or add format=json for Server-Sent Events'
      res.status(426).json({ error: 'InvalidRequest', message })
      return
    }
    this.#admit(req, (name, value) => res.setHeader(name, value)).then(
      (admitted) => {
        if (admitted === null) return next()
        res.once('close', admitted.release)
        if (res.destroyed) return admitted.release()
        const { eventSource } = this.#options.encodings
        const sink = new EventSourceSink(res, (failure) => eventSource.failure(failure))
        const gone = new AbortController()
        res.once('close', () => gone.abort())
        const cursor = lastEventId(req) ?? admitted.followed.cursor
        this.#run({ ...admitted, followed: { ...admitted.followed, cursor } }, eventSource, sink, gone.signal)
      },
      (err: unknown) => answer(this.#known(err)),
    )
  }

  async #admit(
    req: IncomingMessage & { originalUrl?: string },
    setHeader: (name: string, value: string) => void,
  ): Promise<Admitted | null> {
    const { credentials, access, streams, addressOf } = this.#options
    const url = req.originalUrl ?? req.url ?? ''
    const [path = '', search = ''] = url.split('?', 2)
    const route = this.#routes.get(path)
    if (route === undefined) return null
    const address = addressOf(req)
    let caller: Caller = { viewer: ANONYMOUS, jkt: null }
    const auth = credentials.forRequest((identified) => (caller = identified))
    const request = { method: req.method ?? 'GET', url, rawHeaders: req.rawHeaders, address, setHeader }
    const followed = await route.open({ auth, request }, search)
    const follower: Follower = {
      principal: access.principalOf(caller),
      address,
      recheck: () => access.check(caller, followed),
      concerns: (change) => access.concerns(caller, followed, change),
    }
    return { followed, follower, release: streams.reserve(follower) }
  }

  #run({ followed, follower }: Admitted, encoding: StreamEncoding, sink: Sink, gone: AbortSignal): void {
    const { feed, cursor } = followed
    this.#options.streams
      .run(follower, { feed, cursor, encoding, sink }, gone)
      .catch((err: unknown) => this.#options.logger.error({ err }, 'a stream failed'))
  }

  #known(err: unknown): StratosError {
    if (err instanceof StratosError) return err
    this.#options.logger.error({ err }, 'a stream could not be opened')
    return new StratosError('ServiceUnavailable', 'try again later')
  }
}

/** Where a browser's EventSource goes on when its connection was lost. */
function lastEventId(req: Request): number | undefined {
  const id = req.headers['last-event-id']
  return typeof id === 'string' && /^\d{1,15}$/.test(id) ? Number(id) : undefined
}

function refuse(socket: Duplex, err: StratosError, headers: Readonly<Record<string, string>>): void {
  const { status, name } = wireErrorOf(err.code)
  const body = JSON.stringify({ error: name, message: err.message })
  const all = {
    ...headers,
    ...headersOf(err),
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  }
  const lines = Object.entries(all).map(([header, value]) => `${header}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`)
  socket.once('finish', () => socket.destroy())
}
