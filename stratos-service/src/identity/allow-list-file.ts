import { readFile, rename, writeFile } from 'node:fs/promises'
import { isValidDid } from '@atproto/syntax'
import type { AllowListStore, KnownAccounts } from 'stratos-core'

interface Stored {
  readonly uri: string
  readonly etag: string | null
  readonly checkedAtMs: number
  readonly dids: readonly string[]
}

/** The last good list in a file, for one instance. */
export class AllowListFile implements AllowListStore {
  readonly #path: string
  readonly #uri: string
  readonly #nowMs: () => number
  #nextAtMs = 0
  #loaded = false
  #list: KnownAccounts | null = null

  /** @param options.uri a list from anywhere else does not count */
  constructor(options: { path: string; uri: string; nowMs: () => number }) {
    this.#path = options.path
    this.#uri = options.uri
    this.#nowMs = options.nowMs
  }

  async load(): Promise<KnownAccounts | null> {
    if (!this.#loaded) this.#list = await this.#read()
    this.#loaded = true
    return this.#list
  }

  async save(list: KnownAccounts): Promise<void> {
    this.#list = list
    this.#loaded = true
    const { etag, checkedAtMs, dids } = list
    const stored: Stored = { uri: this.#uri, etag, checkedAtMs, dids: [...dids] }
    await writeFile(`${this.#path}.tmp`, JSON.stringify(stored), { mode: 0o600 })
    await rename(`${this.#path}.tmp`, this.#path)
  }

  async claim(forMs: number): Promise<boolean> {
    if (this.#nowMs() < this.#nextAtMs) return false
    this.#nextAtMs = this.#nowMs() + forMs
    return true
  }

  async #read(): Promise<KnownAccounts | null> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (err) {
      if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return null
      throw err
    }
    const stored = parseStored(text)
    if (stored === null || stored.uri !== this.#uri) return null
    const { etag, checkedAtMs, dids } = stored
    return { etag, checkedAtMs, dids: new Set(dids.filter(isValidDid)) }
  }
}

/** @returns null for what a crash may have left of it */
function parseStored(text: string): Stored | null {
  try {
    return JSON.parse(text) as Stored
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}
