import { StratosError } from 'stratos-core'

export interface FetchGateOptions {
  /** Requests under way, to all hosts together. */
  readonly total: number
  /** Requests under way to one host. */
  readonly perHost: number
  /** Requests that wait. */
  readonly maxWaiting: number
  /** Hosts of the operator's choice: not limited one by one, and with some places that nobody else may take. */
  readonly trustedHosts: ReadonlySet<string>
}

/** Kept free for trusted hosts: somebody else's slow servers must not keep us from the directory. */
const RESERVED = 4

interface Waiting {
  readonly host: string
  readonly enter: () => void
}

/** Bounds how many requests go out at once, in order of arrival for each host. */
export class FetchGate {
  readonly #options: FetchGateOptions
  readonly #active = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  #total = 0

  constructor(options: FetchGateOptions) {
    this.#options = options
  }

  /**
   * @param signal gives up the place in the queue
   * @throws {StratosError} `ServiceUnavailable` if too many wait
   */
  async run<T>(host: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#isOpen(host)) this.#enter(host)
    else await this.#wait(host, signal)
    try {
      return await work()
    } finally {
      this.#leave(host)
    }
  }

  #isOpen(host: string): boolean {
    const { total, perHost, trustedHosts } = this.#options
    if (trustedHosts.has(host)) return this.#total < total
    return this.#total < total - RESERVED && (this.#active.get(host) ?? 0) < perHost
  }

  #enter(host: string): void {
    this.#total += 1
    this.#active.set(host, (this.#active.get(host) ?? 0) + 1)
  }

  #leave(host: string): void {
    this.#total -= 1
    const rest = (this.#active.get(host) ?? 1) - 1
    if (rest === 0) this.#active.delete(host)
    else this.#active.set(host, rest)
    const next = this.#waiting.findIndex((waiting) => this.#isOpen(waiting.host))
    for (const waiting of next < 0 ? [] : this.#waiting.splice(next, 1)) waiting.enter()
  }

  #wait(host: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#options.maxWaiting) {
      throw new StratosError('ServiceUnavailable', 'too many other servers are being asked; try again')
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason as Error)
      }
      const waiting: Waiting = {
        host,
        enter: () => {
          signal.removeEventListener('abort', giveUp)
          this.#enter(host)
          resolve()
        },
      }
      this.#waiting.push(waiting)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}
