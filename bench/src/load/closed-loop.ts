import { Connection, type ReceivedAnswer, type SignedRequest } from './connection.ts'

/** Where the requests of a load come from. */
export interface RequestSource {
  /** Called before requests are made in advance, to bring what they are signed with up to date. */
  refresh(): Promise<void>
  /** The next request of one connection. */
  next(connection: number): SignedRequest
  answered(answer: ReceivedAnswer): void
}

export interface RunLimits {
  readonly seconds: number
  /** Ends the run earlier. */
  readonly maxOperations?: number | undefined
}

export interface LoadResult {
  /** One for each request, from the call that sends it to the last byte of the answer. */
  readonly latenciesMs: Float64Array
  readonly elapsedMs: number
}

/** Requests made ahead beyond what the run before this one would have needed. */
const SPARE = 1.3

/**
 * Connections of which each sends a request, waits for the answer, and sends the next one.
 *
 * Requests are made and signed before a run: the client's own cryptography is no part of what is measured. Should they
 * run out, more are made on the way, outside of the latencies.
 */
export class ClosedLoop {
  readonly #source: RequestSource
  readonly #connections: Connection[]
  /** Requests made ahead, the next one last; by connection. */
  #ready: SignedRequest[][] = []
  #ratePerSecond = 0

  constructor(source: RequestSource, url: string, connections: number) {
    this.#source = source
    this.#connections = Array.from({ length: connections }, () => new Connection(url))
  }

  async prepare({ seconds, maxOperations = Number.POSITIVE_INFINITY }: RunLimits): Promise<void> {
    await this.#source.refresh()
    const expected = Math.min(this.#ratePerSecond * seconds * SPARE, maxOperations)
    const each = Math.ceil(expected / this.#connections.length)
    this.#ready = this.#connections.map((_, index) =>
      Array.from({ length: each }, () => this.#source.next(index)).reverse(),
    )
  }

  /** @throws {Error} at the first answer that is not 200 */
  async run({ seconds, maxOperations = Number.POSITIVE_INFINITY }: RunLimits): Promise<LoadResult> {
    const latenciesMs: number[] = []
    const startedAt = performance.now()
    const endsAt = startedAt + seconds * 1000
    let sent = 0
    const work = this.#connections.map(async (connection, index) => {
      const ready = this.#ready[index] ?? []
      while (sent < maxOperations && performance.now() < endsAt) {
        sent += 1
        const request = ready.pop() ?? this.#source.next(index)
        const sentAt = performance.now()
        const answer = await connection.send(request)
        latenciesMs.push(performance.now() - sentAt)
        if (answer.status !== 200) throw new Error(describeFailure(request, answer))
        this.#source.answered(answer)
      }
    })
    await Promise.all(work)
    const elapsedMs = performance.now() - startedAt
    this.#ratePerSecond = (latenciesMs.length / elapsedMs) * 1000
    return { latenciesMs: Float64Array.from(latenciesMs), elapsedMs }
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }
}

function describeFailure({ method, path }: SignedRequest, { status, body }: ReceivedAnswer): string {
  return `${method} ${path.split('?')[0]} was answered with ${status}: ${body.toString('utf8').slice(0, 300)}`
}
