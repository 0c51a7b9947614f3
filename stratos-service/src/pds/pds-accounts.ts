import type { NodeOAuthClient, OAuthSession } from '@atproto/oauth-client-node'
import { StratosError, type Did, type Nsid, type Rkey } from 'stratos-core'
import type { LexMap } from '@atproto/lex-data'
import { lexStringify } from '@atproto/lex-json'

const TIMEOUT_MS = 10_000

/** The PDS refused a request for a reason that another attempt will not change. */
export class PdsRefusedError extends Error {
  override name = 'PdsRefusedError'
}

/** The public repos of enrolled users, through the OAuth session each of them granted to this service. */
export class PdsAccounts {
  readonly #oauth: Pick<NodeOAuthClient, 'restore'>

  constructor(oauth: Pick<NodeOAuthClient, 'restore'>) {
    this.#oauth = oauth
  }

  /** @throws {StratosError} `PdsUnreachable` if there is no session, or none that can be refreshed now */
  async open(did: Did): Promise<PdsAccount> {
    try {
      return new PdsAccount(did, await this.#oauth.restore(did))
    } catch (cause) {
      throw new StratosError('PdsUnreachable', 'there is no usable session with the PDS', { cause })
    }
  }
}

/**
 * One user's public repo.
 *
 * Every method throws `PdsRefusedError` when the PDS says that the request itself is wrong, and `StratosError`
 * `PdsUnreachable` when it may work later: no connection, a 5xx or a 429, or a session that has ended.
 */
export class PdsAccount {
  readonly did: Did
  readonly #session: Pick<OAuthSession, 'fetchHandler'>

  constructor(did: Did, session: Pick<OAuthSession, 'fetchHandler'>) {
    this.did = did
    this.#session = session
  }

  async putRecord(collection: Nsid, rkey: Rkey, record: LexMap): Promise<void> {
    await this.#call('com.atproto.repo.putRecord', { repo: this.did, collection, rkey, record })
  }

  /** Succeeds when there is no such record. */
  async deleteRecord(collection: Nsid, rkey: Rkey): Promise<void> {
    await this.#call('com.atproto.repo.deleteRecord', { repo: this.did, collection, rkey })
  }

  async #call(method: string, body: LexMap): Promise<void> {
    const response = await this.#send(method, lexStringify(body))
    if (response.ok) {
      await response.body?.cancel()
      return
    }
    const reason = `${method} answered ${response.status}: ${(await response.text()).slice(0, 200)}`
    const mayPass = response.status >= 500 || [401, 403, 408, 429].includes(response.status)
    if (mayPass) throw new StratosError('PdsUnreachable', reason)
    throw new PdsRefusedError(reason)
  }

  async #send(method: string, body: string): Promise<Response> {
    try {
      return await this.#session.fetchHandler(`/xrpc/${method}`, {
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
