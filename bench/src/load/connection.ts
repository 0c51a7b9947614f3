import { Agent, request, type IncomingHttpHeaders } from 'node:http'

/** A request that only has to be sent. */
export interface SignedRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Buffer | null
}

export interface ReceivedAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** One kept connection to a server on loopback. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
  }

  send({ method, path, headers, body }: SignedRequest): Promise<ReceivedAnswer> {
    const options = { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers }
    return new Promise((resolve, reject) => {
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const { statusCode: status = 0, headers: answered } = incoming
          resolve({ status, headers: answered, body: Buffer.concat(chunks) })
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
