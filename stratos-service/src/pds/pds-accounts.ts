import type { NodeOAuthClient } from '@atproto/oauth-client-node'
import { StratosError, type Did, type Nsid, type Rkey } from 'stratos-core'
import type { LexMap } from '@atproto/lex-data'
import { lexStringify } from '@atproto/lex-json'

const TIMEOUT_MS = 10_000

/** The PDS refused a request for a reason that another attempt will not change. */
export class PdsRefusedError extends Error {
  override name = 'PdsRefusedError'
}

/**
 * The public repos of enrolled users, through the OAuth session each of them granted to this service.
 *
 * Every method throws `PdsRefusedError` when the PDS says that the request itself is wrong, and `StratosError`
 * `PdsUnreachable` when it may work later: no session, no connection, a 5xx or a 429.
 */
export class PdsAccounts {
  readonly #oauth: Pick<NodeOAuthClient, 'restore'>

  constructor(oauth: Pick<NodeOAuthClient, 'restore'>) {
    this.#oauth = oauth
  }

  async putRecord(did: Did, collection: Nsid, rkey: Rkey, record: LexMap): Promise<void> {
    await this.#call(did, 'com.atproto.repo.putRecord', { repo: did, collection, rkey, record })
  }

  /** Succeeds when there is no such record. */
  async deleteRecord(did: Did, collection: Nsid, rkey: Rkey): Promise<void> {
    await this.#call(did, 'com.atproto.repo.deleteRecord', { repo: did, collection, rkey })
  }

  async #call(did: Did, method: string, body: LexMap): Promise<void> {
    const response = await this.#send(did, method, lexStringify(body))
    if (response.ok) {
      await response.body?.cancel()
      return
    }
    const reason = `${method} answered ${response.status}: ${(await response.text()).slice(0, 200)}`
    const mayPass = response.status >= 500 || [401, 403, 408, 429].includes(response.status)
    if (mayPass) throw new StratosError('PdsUnreachable', reason)
    throw new PdsRefusedError(reason)
  }

  async #send(did: Did, method: string, body: string): Promise<Response> {
    try {
      const session = await this.#oauth.restore(did)
      return await session.fetchHandler(`/xrpc/${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
    } catch (cause) {
      throw new StratosError('PdsUnreachable', `${method} did not reach the PDS`, { cause })
    }
  }
}
