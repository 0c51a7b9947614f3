import { setTimeout as pause } from 'node:timers/promises'
import type { Actors, Did, EnrollmentStore, Feeds } from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

const BATCH = 500
const ACTORS_PER_READ = 100
/** Writers get their turn in between. */
const PAUSE_MS = 10
const FIRST_AFTER_MS = 10 * 60_000
const EVERY_MS = 24 * 60 * 60_000

/**
 * Forgets events that are older than the operator wants them kept, a small batch at a time. Records are not touched, and
 * numbering goes on. Several instances may do this at the same time.
 */
export class Retention {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #enrollments: Pick<EnrollmentStore, 'list'>
  readonly #feeds: Pick<Feeds, 'trim'>
  readonly #keepMs: number
  readonly #nowMs: () => number
  readonly #onError: (err: unknown) => void
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    enrollments: Pick<EnrollmentStore, 'list'>
    feeds: Pick<Feeds, 'trim'>
    keepMs: number
    nowMs: () => number
    onError: (err: unknown) => void
  }) {
    this.#actors = options.actors
    this.#enrollments = options.enrollments
    this.#feeds = options.feeds
    this.#keepMs = options.keepMs
    this.#nowMs = options.nowMs
    this.#onError = options.onError
  }

  start(): void {
    this.#schedule(FIRST_AFTER_MS)
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  /** Goes through all feeds once. */
  async run(): Promise<void> {
    const beforeMs = this.#nowMs() - this.#keepMs
    while ((await this.#feeds.trim(beforeMs, BATCH)) > 0) await this.#rest()
    for (let after = '', page: { readonly did: Did }[] | null = null; page === null || page.length > 0;) {
      page = await this.#enrollments.list(after, ACTORS_PER_READ)
      for (const { did } of page) {
        await this.#trimRepo(did, beforeMs)
        after = did
      }
    }
  }

  async #trimRepo(did: Did, beforeMs: number): Promise<void> {
    // Most have nothing to forget, and a look disturbs no writer.
    const oldest = await readIfPresent(this.#actors, did, ({ events }) => events.listIndex(0, 1))
    await this.#rest()
    if ((oldest?.[0]?.atMs ?? Infinity) >= beforeMs) return
    while ((await this.#actors.transact(did, ({ events }) => events.trim(beforeMs, BATCH))) === BATCH) {
      await this.#rest()
    }
  }

  /** @throws {Error} when it was told to stop */
  async #rest(): Promise<void> {
    await pause(PAUSE_MS, undefined, { signal: this.#stopped.signal })
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.run().catch((err: unknown) => {
        if (!this.#stopped.signal.aborted) this.#onError(err)
      })
      this.#schedule(EVERY_MS)
    }, delayMs)
    this.#timer.unref()
  }
}
