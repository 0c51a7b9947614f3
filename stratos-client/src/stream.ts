/**
 * Following changes as they happen, over as many connections as it takes.
 *
 * An event counts as handled when the loop comes back for the next one: a consumer that fails, or is stopped, gets the same
 * event again. Nothing is delivered out of order.
 */
import { StratosClientError } from './errors.ts'
import { pause } from './retry.ts'
import { parseServiceUrl, type FetchHandler } from './routing.ts'
import { fetchServiceJwt } from './service-auth.ts'
import { parseStreamMessage, type StreamEnd, type StreamEvent } from './stream-events.ts'

/** The method of the stream; an app needs the scope `rpc:` for it to get tokens by itself. */
export const SUBSCRIBE_RECORDS_NSID = 'zone.stratos.sync.subscribeRecords'

const BASE_DELAY_MS = 500
const MAX_DELAY_MS = 30_000
/** Of messages that wait for a consumer; then the connection is given up and taken up again from the cursor. */
const MAX_WAITING = 1000
/** After these, connecting again is of no use. */
const FINAL_ERRORS = ['FutureCursor', 'NotFound', 'InvalidRequest', 'Forbidden']
const MAX_REFUSALS = 5

/** Where the number of the last handled event is kept. */
export interface CursorStore {
  load(): Promise<number | null>
  save(seq: number): Promise<void>
}

export interface SubscribeOptions {
  /** Whose repo. Without it, the enrollments of the service, for allow-listed services. */
  did?: string
  /** A number to begin after, once; or a store, so that a restart goes on where it stopped. Without, all that is kept. */
  cursor?: number | CursorStore
  /** A boundary: only changes of records behind it. */
  boundary?: string
  /**
   * Makes a token for each connection: a service JWT for `zone.stratos.sync.subscribeRecords`; see
   * {@link createStreamTokens}.
   */
  getToken: () => Promise<string>
  /** Ends the stream. */
  signal?: AbortSignal
  /** Told about each connection that ended, and how long the pause before the next one is. */
  onReconnect?: (reason: string, delayMs: number) => void
  /** The platform's by default. */
  webSocket?: typeof globalThis.WebSocket
  /** Pauses between connections; a timer by default. */
  wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/**
 * Follows `zone.stratos.sync.subscribeRecords`: `for await (const event of subscribeRecords(url, options))`.
 *
 * Connects again by itself, after a pause that grows and varies, with a fresh token and from the last handled event.
 *
 * @returns ends when `signal` aborts
 * @throws {StratosClientError} `StreamFailed` with `serverError`, such as `FutureCursor`, when another connection would not
 *   help; `InvalidServiceUrl`; what `getToken` rejects with, if it does so several times on end
 */
export async function* subscribeRecords(
  serviceUrl: string,
  options: SubscribeOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  const { signal, wait = pause, onReconnect } = options
  const origin = parseServiceUrl(serviceUrl)
  const store = typeof options.cursor === 'object' ? options.cursor : null
  let cursor = typeof options.cursor === 'number' ? options.cursor : ((await store?.load()) ?? null)
  let failures = 0
  while (!isAborted(signal)) {
    let reason = 'the connection ended'
    try {
      const token = await options.getToken()
      for await (const event of connect(streamUrl(origin, options, cursor, token), options)) {
        if (event.kind === 'end') {
          if (FINAL_ERRORS.includes(event.error)) throw ended(event)
          reason = event.error
          break
        }
        failures = 0
        yield event
        if (event.kind === 'info' || event.seq === null) continue
        cursor = event.seq
        await store?.save(cursor)
      }
    } catch (err) {
      if (isAborted(signal)) return
      if (err instanceof StratosClientError && err.code === 'StreamFailed') throw err
      if (failures >= MAX_REFUSALS) throw err
      reason = err instanceof Error ? err.message : String(err)
    }
    if (reason === 'AuthenticationRequired' && failures >= MAX_REFUSALS) {
      throw ended({ kind: 'end', error: reason, message: 'the service accepts no token' })
    }
    const delayMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** failures) * (0.5 + Math.random() / 2)
    failures += 1
    onReconnect?.(reason, delayMs)
    if (!(await waited(wait, delayMs, signal))) return
  }
}

/**
 * Makes tokens for {@link subscribeRecords} from the user's session.
 *
 * @param session sends relative paths to the user's PDS; an OAuth session needs the scope
 *   `rpc:zone.stratos.sync.subscribeRecords?aud=…`, see `methods` of {@link buildStratosScopes}
 * @param audience `<did>#<fragment>` of the service
 */
export function createStreamTokens(session: FetchHandler, audience: string): () => Promise<string> {
  return () => fetchServiceJwt(session, { audience, method: SUBSCRIBE_RECORDS_NSID })
}

function streamUrl(origin: URL, options: SubscribeOptions, cursor: number | null, token: string): string {
  const url = new URL(`/xrpc/${SUBSCRIBE_RECORDS_NSID}`, origin)
  url.protocol = origin.protocol === 'https:' ? 'wss:' : 'ws:'
  const { did, boundary } = options
  const query = { did, domain: boundary, cursor: cursor?.toString(), syncToken: token }
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** Yields what one connection brings until it ends. */
async function* connect(
  url: string,
  { signal, webSocket = globalThis.WebSocket }: SubscribeOptions,
): AsyncGenerator<StreamEvent | StreamEnd, void, undefined> {
  const socket = new webSocket(url)
  socket.binaryType = 'arraybuffer'
  const waiting: ArrayBuffer[] = []
  let closed: string | null = null
  let wake = () => {}
  const close = (reason: string) => {
    closed ??= reason
    socket.close()
    wake()
  }
  const abort = () => close('aborted')
  socket.addEventListener('message', ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return close('a message was not binary')
    if (waiting.push(data) > MAX_WAITING) close('the consumer is slow')
    wake()
  })
  socket.addEventListener('close', () => close('the connection ended'))
  socket.addEventListener('error', () => close('the connection failed'))
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  try {
    for (;;) {
      const message = waiting.shift()
      if (message !== undefined) {
        const event = parseStreamMessage(new Uint8Array(message))
        if (event !== null) yield event
      } else if (closed !== null) return
      else await new Promise<void>((resolve) => (wake = resolve))
      if (isAborted(signal)) return
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    close('done')
  }
}

function ended({ error, message }: StreamEnd): StratosClientError {
  return new StratosClientError('StreamFailed', message, { serverError: error })
}

/** @returns false if the stream was ended meanwhile */
async function waited(
  wait: NonNullable<SubscribeOptions['wait']>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await wait(ms, signal)
    return true
  } catch (err) {
    if (isAborted(signal)) return false
    throw err
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
