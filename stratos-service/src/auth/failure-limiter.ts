import { RateLimitedError } from 'stratos-core'

const MAX_NETWORKS = 10_000

/** Counts failed attempts by where they come from, and refuses further ones for the rest of the window. */
export class FailureLimiter {
  readonly #maxFailures: number
  readonly #windowMs: number
  readonly #nowMs: () => number
  /** In the order in which their windows began. */
  readonly #windows = new Map<string, { failures: number; readonly endsAtMs: number }>()

  constructor(options: {
    readonly maxFailures: number
    readonly windowMs: number
    readonly nowMs: () => number
  }) {
    this.#maxFailures = options.maxFailures
    this.#windowMs = options.windowMs
    this.#nowMs = options.nowMs
  }

  /** @throws {StratosError} `RateLimitExceeded` after too many failures, whatever the next attempt would bring */
  check(address: string): void {
    const window = this.#windows.get(networkOf(address))
    if (window === undefined || window.failures < this.#maxFailures) return
    const restMs = window.endsAtMs - this.#nowMs()
    if (restMs > 0) throw new RateLimitedError(restMs)
  }

  count(address: string): void {
    const network = networkOf(address)
    const nowMs = this.#nowMs()
    const window = this.#windows.get(network)
    if (window !== undefined && window.endsAtMs > nowMs) {
      window.failures += 1
      return
    }
    this.#windows.delete(network)
    for (const [oldest, { endsAtMs }] of this.#windows) {
      if (endsAtMs > nowMs && this.#windows.size < MAX_NETWORKS) break
      this.#windows.delete(oldest)
    }
    this.#windows.set(network, { failures: 1, endsAtMs: nowMs + this.#windowMs })
  }
}

/** One IPv4 address, or the /64 of an IPv6 address: whoever has one address of it has all of them. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
