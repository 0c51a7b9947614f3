import { setTimeout as pause } from 'node:timers/promises'
import type { Answer } from 'test-network'

/** Between two requests of one probe: often enough to see the last answer, and not so often that they wait for each other. */
const PAUSE_MS = 5

/** Asks one route of one instance again and again, and notes when it last showed what it is looking for. */
export class Probe {
  readonly name: string
  readonly #ask: () => Promise<Answer>
  readonly #looksFor: Buffer
  #stopped = false
  #work: Promise<void> = Promise.resolve()
  /** When the last answer with it was complete, in milliseconds; null if there was none. */
  lastShownMs: number | null = null
  /** When the last answer without it was complete. */
  lastHiddenMs: number | null = null

  constructor(name: string, looksFor: Buffer, ask: () => Promise<Answer>) {
    this.name = name
    this.#looksFor = looksFor
    this.#ask = ask
  }

  start(): void {
    this.#stopped = false
    this.#work = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#work
  }

  /** Whether the newest answer has it. */
  get shows(): boolean {
    return (this.lastShownMs ?? -1) > (this.lastHiddenMs ?? -1)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const { bytes, status } = await this.#ask()
      if (status === 401 || status === 429 || status >= 500)
        throw new Error(`${this.name} answered ${status}`)
      if (bytes.includes(this.#looksFor)) this.lastShownMs = performance.now()
      else this.lastHiddenMs = performance.now()
      await pause(PAUSE_MS)
    }
  }
}
