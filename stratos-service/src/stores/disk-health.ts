import { randomBytes } from 'node:crypto'
import { open, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** A look at the disk costs a few file operations, and anybody may ask for one. */
const FRESH_MS = 2_000

/** Whether files can be written in a directory, and whether there is room for more. */
export class DiskHealth {
  readonly #directory: string
  readonly #minFreeBytes: number
  readonly #nowMs: () => number
  #latest: { readonly state: Promise<'ok' | 'failed'>; readonly untilMs: number } | null = null

  constructor(options: { directory: string; minFreeBytes: number; nowMs: () => number }) {
    this.#directory = options.directory
    this.#minFreeBytes = options.minFreeBytes
    this.#nowMs = options.nowMs
  }

  /** The answer may be two seconds old. */
  async check(): Promise<'ok' | 'failed'> {
    if (this.#latest === null || this.#latest.untilMs <= this.#nowMs()) {
      this.#latest = { state: this.#look(), untilMs: this.#nowMs() + FRESH_MS }
    }
    return this.#latest.state
  }

  async #look(): Promise<'ok' | 'failed'> {
    try {
      const { bavail, bsize } = await statfs(this.#directory)
      if (bavail * bsize < this.#minFreeBytes) return 'failed'
      const path = join(this.#directory, `.probe-${randomBytes(6).toString('hex')}`)
      const file = await open(path, 'wx', 0o600)
      try {
        await file.write('?')
      } finally {
        await file.close()
        await unlink(path)
      }
      return 'ok'
    } catch {
      // Whatever it is, nothing can be kept.
      return 'failed'
    }
  }
}
