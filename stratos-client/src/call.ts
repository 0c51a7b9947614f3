import { jsonToLex, lexToJson } from '@atproto/lex-json'
import type { LexValue } from '@atproto/lex-data'
import { readAtMost } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'
import { isAbort, isNetworkFailure } from './network-failure.ts'
import type { FetchHandler } from './routing.ts'
import { StratosServiceError, readServiceError } from './service-error.ts'
import { ZONE_METHODS, type ZoneAnswer, type ZoneArguments, type ZoneMethod } from './zone-methods.ts'

/** Of a proof for a hundred of the largest records, and what else is in an answer. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024

/**
 * Anything that reaches a Stratos service: the agent of `createStratosAgent`, the handler of `createStratosFetchHandler`,
 * or an object with `handle`, as other client libraries have it.
 */
export type StratosAccess =
  | FetchHandler
  | { fetchHandler(pathOrUrl: string, init: RequestInit): Promise<Response> }
  | { handle(pathOrUrl: string, init: RequestInit): Promise<Response> }

/** What is sent, and how its answer is read; see {@link send}. */
export interface XrpcRequest {
  params?: object
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: RequestInit['body']
  signal?: AbortSignal
}

/**
 * Calls a method of `zone.stratos`, typed by its lexicon.
 *
 * @param access where to send it, and as whom
 * @param args one object with `params`, `input` and `signal`, as the method needs them
 * @returns the answer, decoded: links are `Cid`, byte strings `Uint8Array`
 * @throws {StratosServiceError} with the name of the service's refusal
 * @throws {StratosClientError} `ServiceUnreachable`, or what the handler rejects with
 */
export async function callStratos<M extends ZoneMethod>(
  access: StratosAccess,
  method: M,
  ...args: ZoneArguments<M>
): Promise<ZoneAnswer<M>> {
  const { params, input, signal } = (args[0] ?? {}) as {
    params?: object
    input?: object
    signal?: AbortSignal
  }
  const isQuery = ZONE_METHODS[method] === 'query'
  const response = await send(access, method, {
    params,
    signal,
    ...(isQuery ? { method: 'GET' } : { method: 'POST', ...jsonBody(input) }),
  })
  return (await readLex(response)) as ZoneAnswer<M>
}

/**
 * Sends an XRPC request.
 *
 * @returns an answer that is 2xx
 * @throws as {@link callStratos}
 */
export async function send(access: StratosAccess, nsid: string, request: XrpcRequest): Promise<Response> {
  const { params, ...init } = request
  const query = formatQuery(params)
  let response: Response
  try {
    response = await handlerOf(access)(`/xrpc/${nsid}${query === '' ? '' : `?${query}`}`, init)
  } catch (err) {
    request.signal?.throwIfAborted()
    if (err instanceof StratosClientError || isAbort(err) || !isNetworkFailure(err)) throw err
    throw new StratosClientError('ServiceUnreachable', 'the service did not answer', { cause: err })
  }
  if (!response.ok) throw await readServiceError(response)
  return response
}

/** Reads a JSON answer as values of the data model. */
export async function readLex(response: Response): Promise<LexValue> {
  const bytes = response.body === null ? null : await readAtMost(response.body, MAX_ANSWER_BYTES)
  const answer = { status: response.status, retryAfterMs: null }
  if (bytes === null)
    throw new StratosServiceError('InvalidAnswer', 'the answer is empty or too long', answer)
  try {
    return jsonToLex(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (err) {
    if (!(err instanceof SyntaxError || err instanceof TypeError)) throw err
    throw new StratosServiceError('InvalidAnswer', 'the answer is not JSON of the data model', answer)
  }
}

function handlerOf(access: StratosAccess): FetchHandler {
  if (typeof access === 'function') return access
  return 'handle' in access
    ? (path, init = {}) => access.handle(path, init)
    : (path, init = {}) => access.fetchHandler(path, init)
}

function jsonBody(input: object | undefined): Partial<XrpcRequest> {
  if (input === undefined) return {}
  const body = JSON.stringify(lexToJson(input as LexValue))
  return { headers: { 'content-type': 'application/json' }, body }
}

function formatQuery(params: object = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) query.append(name, String(item))
    }
  }
  return query.toString()
}
