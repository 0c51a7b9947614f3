import { CliError, EXIT } from './cli-error.ts'

/** Parameters of a query; undefined ones are left out. */
export type Params = Readonly<Record<string, string | number | undefined>>
export type Answer = Readonly<Record<string, unknown>>

const TIMEOUT_MS = 60_000

/** Calls the methods of an operator on a service. */
export class AdminClient {
  readonly #url: string
  readonly #authorization: string

  constructor(url: string, password: string) {
    this.#url = url
    this.#authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  }

  /** @param method the last part of the NSID, such as `stats` */
  async query(method: string, params: Params = {}): Promise<Answer> {
    const given = Object.entries(params).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    return this.#call('GET', `/xrpc/zone.stratos.admin.${method}?${new URLSearchParams(given)}`)
  }

  async procedure(method: string, body: object): Promise<Answer> {
    return this.#call('POST', `/xrpc/zone.stratos.admin.${method}`, body)
  }

  /** The DID of the service, from its own DID document. */
  async serviceDid(): Promise<string> {
    const { id } = await this.#call('GET', '/.well-known/did.json')
    if (typeof id === 'string') return id
    throw new CliError(EXIT.unreachable, `${this.#url} does not look like a Stratos service`)
  }

  async #call(method: string, path: string, body?: object): Promise<Answer> {
    const response = await this.#send(method, path, body)
    const answer = await readJson(response)
    if (response.ok && answer !== null) return answer
    const said =
      answer === null ? response.statusText : `${String(answer['error'])}: ${String(answer['message'])}`
    if (response.status === 401) {
      throw new CliError(
        EXIT.unreachable,
        `${said}\nSet STRATOS_ADMIN_PASSWORD to the password of the service, or name a file with --password-file.`,
      )
    }
    if (answer === null || response.status >= 500) {
      throw new CliError(EXIT.unreachable, `${this.#url} answered ${response.status} ${said}`)
    }
    throw new CliError(EXIT.refused, said)
  }

  async #send(method: string, path: string, body: object | undefined): Promise<Response> {
    try {
      return await fetch(this.#url + path, {
        method,
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        // The password is for this address alone.
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (err) {
      throw new CliError(EXIT.unreachable, `${this.#url} cannot be reached: ${reasonOf(err)}`, { cause: err })
    }
  }
}

async function readJson(response: Response): Promise<Answer | null> {
  try {
    const value: unknown = await response.json()
    return typeof value === 'object' && value !== null ? (value as Answer) : null
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw new CliError(EXIT.unreachable, `the answer broke off: ${reasonOf(err)}`, { cause: err })
  }
}

function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err)
  return err.cause instanceof Error && err.cause.message !== '' ? err.cause.message : err.message
}
