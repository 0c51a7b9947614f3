import { readJson, readText } from './bounded-answer.ts'
import type { OwnIdentity } from './own-identity.ts'
import type { ServicePlace } from './service-place.ts'

/** For a whole answer in JSON, and between two parts of a long one. */
const ANSWER_WITHIN_MS = 30_000

/** Raised for an answer other than 200. */
export class ServiceAnswerError extends Error {
  override name = 'ServiceAnswerError'
  readonly status: number
  /** Name of the XRPC error, or empty. */
  readonly code: string

  constructor(nsid: string, status: number, code: string) {
    super(`${nsid} was answered with ${status} ${code}`)
    this.status = status
    this.code = code
  }
}

/** Queries to a service that the operator has named, signed by this process. */
export class ServiceClient {
  readonly place: ServicePlace
  readonly #identity: Pick<OwnIdentity, 'signToken'>
  readonly #signal: AbortSignal
  readonly #withinMs: number

  constructor(
    place: ServicePlace,
    identity: Pick<OwnIdentity, 'signToken'>,
    signal: AbortSignal,
    withinMs = ANSWER_WITHIN_MS,
  ) {
    this.place = place
    this.#identity = identity
    this.#signal = signal
    this.#withinMs = withinMs
  }

  /** @throws {ServiceAnswerError}, or another error if the answer is too large or too slow */
  async json(
    nsid: string,
    params: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#get(nsid, params, AbortSignal.timeout(this.#withinMs))
    return (await readJson(answer)) as Readonly<Record<string, unknown>>
  }

  /** @throws {ServiceAnswerError}; reading what it returns throws when nothing comes for too long */
  async bytes(nsid: string, params: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>> {
    const stalled = new AbortController()
    const timer = setTimeout(() => stalled.abort(new Error(`${nsid} sends nothing more`)), this.#withinMs)
    try {
      const { body } = await this.#get(nsid, params, stalled.signal)
      if (body === null) throw new ServiceAnswerError(nsid, 200, 'Empty')
      return readWatched(body, timer)
    } catch (err) {
      clearTimeout(timer)
      throw err
    }
  }

  async #get(nsid: string, params: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const token = await this.#identity.signToken(this.place.did, nsid)
    const url = `${this.place.url}/xrpc/${nsid}?${new URLSearchParams(params).toString()}`
    const answer = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: AbortSignal.any([this.#signal, signal]),
    })
    if (answer.status === 200) return answer
    const text = (await readText(answer)).slice(0, 4096)
    throw new ServiceAnswerError(nsid, answer.status, /"error":"(\w{1,64})"/.exec(text)?.[1] ?? '')
  }
}

/** Hands on what comes, and begins the time anew with each part that is asked for. */
async function* readWatched(
  body: AsyncIterable<Uint8Array>,
  timer: NodeJS.Timeout,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const part of body) {
      yield part
      timer.refresh()
    }
  } finally {
    clearTimeout(timer)
  }
}
