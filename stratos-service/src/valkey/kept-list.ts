import type { Redis } from 'ioredis'
import type { Did } from 'stratos-core'
import { reasonOf, type Logger } from '../logger.ts'
import { readMembers } from './allow-list-set.ts'

/**
 * Accounts that may enroll, by a set in Valkey that its operator keeps by other means. Each question is put to Valkey; while
 * that is away, a copy answers, until it is too old.
 */
export class KeptList {
  readonly #valkey: Redis
  readonly #name: string
  readonly #refreshMs: number
  readonly #maxStaleMs: number
  readonly #logger: Logger
  readonly #nowMs: () => number
  #copy: { readonly dids: ReadonlySet<Did>; readonly atMs: number } | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(options: {
    valkey: Redis
    name: string
    refreshMs: number
    maxStaleMs: number
    logger: Logger
    nowMs: () => number
  }) {
    this.#valkey = options.valkey
    this.#name = options.name
    this.#refreshMs = options.refreshMs
    this.#maxStaleMs = options.maxStaleMs
    this.#logger = options.logger
    this.#nowMs = options.nowMs
  }

  async start(): Promise<void> {
    await this.refresh()
    this.#timer = setInterval(() => void this.refresh(), this.#refreshMs)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
  }

  async has(did: Did): Promise<boolean> {
    try {
      return (await this.#valkey.sismember(this.#name, did)) === 1
    } catch (err) {
      this.#logger.warn({ reason: reasonOf(err) }, 'the allow list is answered from a copy')
      const copy = this.#copy
      if (copy === null || this.#nowMs() - copy.atMs > this.#maxStaleMs) return false
      return copy.dids.has(did)
    }
  }

  /** Renews the copy. Never fails: what goes wrong is logged. */
  async refresh(): Promise<void> {
    try {
      this.#copy = { dids: await readMembers(this.#valkey, this.#name), atMs: this.#nowMs() }
    } catch (err) {
      this.#logger.warn({ reason: reasonOf(err) }, 'the allow list in Valkey cannot be copied')
    }
  }
}
