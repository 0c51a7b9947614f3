import type { OwnIdentity } from './own-identity.ts'
import type { ServicePlace } from './service-place.ts'

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
  readonly #identity: OwnIdentity
  readonly #signal: AbortSignal

  constructor(place: ServicePlace, identity: OwnIdentity, signal: AbortSignal) {
    this.place = place
    this.#identity = identity
    this.#signal = signal
  }

  /** @throws {ServiceAnswerError} */
  async json(
    nsid: string,
    params: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#get(nsid, params)
    return (await answer.json()) as Readonly<Record<string, unknown>>
  }

  /** @throws {ServiceAnswerError} */
  async bytes(nsid: string, params: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>> {
    const { body } = await this.#get(nsid, params)
    if (body === null) throw new ServiceAnswerError(nsid, 200, 'Empty')
    return body
  }

  async #get(nsid: string, params: Readonly<Record<string, string>>): Promise<Response> {
    const token = await this.#identity.signToken(this.place.did, nsid)
    const url = `${this.place.url}/xrpc/${nsid}?${new URLSearchParams(params).toString()}`
    const headers = new AbortController()
    const timer = setTimeout(() => headers.abort(), ANSWER_WITHIN_MS)
    try {
      const answer = await fetch(url, {
        headers: { authorization: `Bearer ${token}` },
        redirect: 'error',
        signal: AbortSignal.any([this.#signal, headers.signal]),
      })
      if (answer.status === 200) return answer
      const text = (await answer.text()).slice(0, 4096)
      throw new ServiceAnswerError(nsid, answer.status, /"error":"(\w{1,64})"/.exec(text)?.[1] ?? '')
    } finally {
      clearTimeout(timer)
    }
  }
}
