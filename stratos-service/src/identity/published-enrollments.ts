import { ENROLLMENT_COLLECTION, parseEnrollmentRecord, serviceDidToRkey, type Did } from 'stratos-core'
import type { DidDocuments } from './did-documents.ts'
import type { SafeFetch } from './safe-fetch.ts'

/** Reads the enrollment records that accounts publish on their PDSes, as anybody may. */
export class PublishedEnrollments {
  readonly #documents: Pick<DidDocuments, 'findPds'>
  readonly #fetch: SafeFetch

  constructor(options: { documents: Pick<DidDocuments, 'findPds'>; fetch: SafeFetch }) {
    this.#documents = options.documents
    this.#fetch = options.fetch
  }

  /** @returns `did:key` of the key that signs the account's repo on a service; null if there is no such record to be had */
  async findRepoKey(did: Did, service: Did): Promise<string | null> {
    const pds = await this.#documents.findPds(did)
    if (pds === null) return null
    const rkey = serviceDidToRkey(service)
    const url = new URL('/xrpc/com.atproto.repo.getRecord', pds)
    url.search = new URLSearchParams({ repo: did, collection: ENROLLMENT_COLLECTION, rkey }).toString()
    const record = await this.#getValue(url)
    return parseEnrollmentRecord(record, rkey)?.signingKey ?? null
  }

  async #getValue(url: URL): Promise<unknown> {
    try {
      const answer = await this.#fetch(url)
      if (!answer.ok) return null
      const { value } = (await answer.json()) as { value?: unknown }
      return value
    } catch {
      // Whatever keeps us from the record: there is none that we could check with.
      return null
    }
  }
}
