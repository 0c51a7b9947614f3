import { StratosError, type Did } from 'stratos-core'
import type { AccessChange } from './access-changes.ts'
import type { Caller } from './authenticate.ts'
import type { Memberships } from './memberships.ts'
import type { SessionKeys } from './session-key.ts'

/** What somebody wants to follow. */
export interface Wish {
  /** Whose repo; null where it is about the whole service. */
  readonly about: Did | null
  /** The boundary that a user has asked for. */
  readonly domain: string | null
}

export interface LostAccess {
  readonly name: 'AuthenticationRequired' | 'NotFound'
  readonly message: string
}

/** Whether somebody who follows may go on doing so. Looked at again and again: streams outlive the tokens they began with. */
export class StreamAccess {
  readonly #memberships: Memberships
  readonly #sessions: Pick<SessionKeys, 'find'>
  readonly #isService: (did: Did) => boolean

  constructor(options: {
    memberships: Memberships
    sessions: Pick<SessionKeys, 'find'>
    /** Whether a DID is that of an allow-listed service. */
    isService: (did: Did) => boolean
  }) {
    this.#memberships = options.memberships
    this.#sessions = options.sessions
    this.#isService = options.isService
  }

  /** @returns why the stream has to end; null if it may go on */
  async check({ viewer, jkt }: Caller, { about, domain }: Wish): Promise<LostAccess | null> {
    if (viewer.kind === 'anonymous') return lost('sign in to follow this')
    if (viewer.kind === 'service' && !this.#isService(viewer.did))
      return lost('this service is not welcome any more')
    if (jkt !== null && (await this.#sessions.find(jkt)) === null) return lost('the session has ended')
    if (viewer.kind === 'user' && viewer.grant !== undefined) {
      return lost('a stream takes a service token or a session key')
    }
    const member = viewer.kind === 'user' ? await this.#memberships.find(viewer.did) : null
    if (viewer.kind === 'user' && domain !== null && member?.boundaries.has(domain) !== true) {
      return lost('this boundary is not yours')
    }
    if (about !== null && (await this.#memberships.find(about)) === null) {
      return { name: 'NotFound', message: 'no account with this DID is enrolled here' }
    }
    return null
  }

  /** @returns whether a change may be about this stream */
  concerns({ viewer, jkt }: Caller, { about }: Wish, change: AccessChange): boolean {
    if ('jkt' in change) return change.jkt === jkt
    return change.did === about || (viewer.kind === 'user' && change.did === viewer.did)
  }

  /** By whom streams are counted. */
  principalOf({ viewer }: Caller): string {
    if (viewer.kind === 'anonymous')
      throw new StratosError('AuthenticationRequired', 'sign in to follow this')
    return viewer.did
  }
}

function lost(message: string): LostAccess {
  return { name: 'AuthenticationRequired', message }
}
