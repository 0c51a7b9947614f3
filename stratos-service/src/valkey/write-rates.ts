import type { Redis } from 'ioredis'
import type { Did, WriteRate } from 'stratos-core'
import type { KnownRate, SharedWriteRates } from '../limits/shared-write-rate-limiter.ts'
import { idleAtMs, NO_WRITES, type WriteRateState } from '../limits/write-rate.ts'

/** Sets a key to ARGV[2] for ARGV[3] ms if it still is what the caller believes, ARGV[1]; empty text stands for none. */
const SWAP = `
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

/** How far the clocks of instances and of Valkey may be apart. */
const CLOCK_SLACK_MS = 60_000

/** What the limit on writes remembers, in Valkey; a key goes when it says no more than a missing one. */
export class ValkeyWriteRates implements SharedWriteRates<string> {
  readonly #valkey: Redis
  readonly #prefix: string
  readonly #rate: WriteRate
  readonly #nowMs: () => number

  /** @param options.prefix of this service's keys, where several share a Valkey */
  constructor(options: { valkey: Redis; prefix: string; rate: WriteRate; nowMs: () => number }) {
    this.#valkey = options.valkey
    this.#prefix = options.prefix
    this.#rate = options.rate
    this.#nowMs = options.nowMs
  }

  async load(did: Did): Promise<KnownRate<string>> {
    const mark = (await this.#valkey.get(this.#key(did))) ?? ''
    return { state: mark === '' ? NO_WRITES : (JSON.parse(mark) as WriteRateState), mark }
  }

  async save(did: Did, known: string, state: WriteRateState): Promise<string | null> {
    const mark = JSON.stringify(state)
    const lifeMs = CLOCK_SLACK_MS + Math.max(0, Math.ceil(idleAtMs(state, this.#rate) - this.#nowMs()))
    const swapped = await this.#valkey.eval(SWAP, 1, this.#key(did), known, mark, String(lifeMs))
    return swapped === 1 ? mark : null
  }

  async forget(did: Did): Promise<void> {
    await this.#valkey.del(this.#key(did))
  }

  #key(did: Did): string {
    return `${this.#prefix}:write-rate:${did}`
  }
}
