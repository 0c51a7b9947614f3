import {
  TokenRefreshError,
  TokenRevokedError,
  type NodeOAuthClient,
  type NodeSavedSessionStore,
  type OAuthSession,
} from '@atproto/oauth-client-node'
import { StratosError, type Did, type Nsid, type Rkey } from 'stratos-core'
import type { LexMap } from '@atproto/lex-data'
import { lexStringify } from '@atproto/lex-json'
import { parseRecordPage, type RecordPage } from './listed-records.ts'

const TIMEOUT_MS = 10_000

/** The PDS refused a request for a reason that another attempt will not change. */
export class PdsRefusedError extends Error {
  override name = 'PdsRefusedError'
}

/** Nobody but the user can help: there is no session with their PDS any more, and a new one takes their consent. */
export class PdsSessionEndedError extends StratosError {
  override name = 'PdsSessionEndedError'

  constructor(options?: ErrorOptions) {
    super('PdsUnreachable', 'the session with the PDS has ended; the user has to sign in again', options)
  }
}

/** The public repos of enrolled users, through the OAuth session each of them granted to this service. */
export class PdsAccounts {
  readonly #oauth: Pick<NodeOAuthClient, 'restore'>
  readonly #sessions: Pick<NodeSavedSessionStore, 'get'>

  constructor(oauth: Pick<NodeOAuthClient, 'restore'>, sessions: Pick<NodeSavedSessionStore, 'get'>) {
    this.#oauth = oauth
    this.#sessions = sessions
  }

  /** Whether there is a session at all. The client drops one that its authorization server has ended. */
  async hasSession(did: Did): Promise<boolean> {
    return (await this.#sessions.get(did)) !== undefined
  }

  /**
   * @throws {PdsSessionEndedError} if there is no session
   * @throws {StratosError} `PdsUnreachable` if there is none that can be refreshed now
   */
  async open(did: Did): Promise<PdsAccount> {
    try {
      return new PdsAccount(did, await this.#oauth.restore(did))
    } catch (cause) {
      if (!(await this.hasSession(did))) throw new PdsSessionEndedError({ cause })
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

  /** All or none. @param rkeys at most 200, of records that are there */
  async deleteRecords(collection: Nsid, rkeys: readonly Rkey[]): Promise<void> {
    const $type = 'com.atproto.repo.applyWrites#delete'
    const writes = rkeys.map((rkey) => ({ $type, collection, rkey }))
    await this.#call('com.atproto.repo.applyWrites', { repo: this.did, writes })
  }

  async listRecords(collection: Nsid, cursor?: string): Promise<RecordPage> {
    const query = new URLSearchParams({ repo: this.did, collection, limit: '50' })
    if (cursor !== undefined) query.set('cursor', cursor)
    const response = await this.#send(`com.atproto.repo.listRecords?${query}`, { method: 'GET' })
    return parseRecordPage(await this.#read(response))
  }

  async #call(method: string, body: LexMap): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const response = await this.#send(method, { method: 'POST', headers, body: lexStringify(body) })
    await response.body?.cancel()
  }

  async #read(response: Response): Promise<unknown> {
    try {
      return await response.json()
    } catch (cause) {
      throw new StratosError('PdsUnreachable', 'the PDS gave an answer that cannot be read', { cause })
    }
  }

  async #send(call: string, init: RequestInit): Promise<Response> {
    const response = await this.#fetch(call, init)
    if (response.ok) return response
    const [method] = call.split('?', 1)
    const reason = `${method} answered ${response.status}: ${(await response.text()).slice(0, 200)}`
    const mayPass = response.status >= 500 || [401, 403, 408, 429].includes(response.status)
    if (mayPass) throw new StratosError('PdsUnreachable', reason)
    throw new PdsRefusedError(reason)
  }

  async #fetch(call: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#session.fetchHandler(`/xrpc/${call}`, {
        ...init,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
    } catch (cause) {
      if (cause instanceof TokenRefreshError || cause instanceof TokenRevokedError) {
        throw new PdsSessionEndedError({ cause })
      }
      const [method] = call.split('?', 1)
      throw new StratosError('PdsUnreachable', `${method} did not reach the PDS`, { cause })
    }
  }
}
