import type { CacheResult, DidCache, DidDocument } from '@atproto/identity'

const STALE_AFTER_MS = 5 * 60_000
const EXPIRED_AFTER_MS = 60 * 60_000
const MAX_ENTRIES = 10_000
/** Several times what accounts have: whoever makes up accounts with large documents must not fill the memory with them. */
const MAX_KEPT_LENGTH = 8 * 1024

/** DID documents that were looked up; the oldest ones go when there are too many, and very large ones are not kept. */
export class BoundedDidCache implements DidCache {
  readonly #entries = new Map<string, { readonly doc: DidDocument; readonly updatedAt: number }>()

  async cacheDid(did: string, doc: DidDocument): Promise<void> {
    this.#entries.delete(did)
    if (JSON.stringify(doc).length > MAX_KEPT_LENGTH) return
    this.#entries.set(did, { doc, updatedAt: Date.now() })
    for (const [oldest] of this.#entries) {
      if (this.#entries.size <= MAX_ENTRIES) break
      this.#entries.delete(oldest)
    }
  }

  async checkCache(did: string): Promise<CacheResult | null> {
    const entry = this.#entries.get(did)
    if (entry === undefined) return null
    const ageMs = Date.now() - entry.updatedAt
    return { did, ...entry, stale: ageMs > STALE_AFTER_MS, expired: ageMs > EXPIRED_AFTER_MS }
  }

  async refreshCache(did: string, getDoc: () => Promise<DidDocument | null>): Promise<void> {
    const doc = await getDoc()
    if (doc !== null) await this.cacheDid(did, doc)
  }

  async clearEntry(did: string): Promise<void> {
    this.#entries.delete(did)
  }

  async clear(): Promise<void> {
    this.#entries.clear()
  }
}
