import { randomBytes } from 'node:crypto'
import { type Did, type ReplayStore, type SessionStore, type SigningKeyResolver } from 'stratos-core'
import { AccessTokens, type TokenIssuers } from './access-token.ts'
import type { AccessChange } from './access-changes.ts'
import { AdminPassword } from './admin.ts'
import { Authenticator } from './authenticate.ts'
import { DpopNonces } from './dpop-nonce.ts'
import { DpopProofs } from './dpop-proof.ts'
import { FailureLimiter } from './failure-limiter.ts'
import type { Memberships } from './memberships.ts'
import { ReplayCache } from './replay-cache.ts'
import { ServiceJwts } from './service-jwt.ts'
import { SessionKeys } from './session-key.ts'

const MINUTE_MS = 60_000

export interface AuthenticationSettings {
  readonly serviceDid: Did
  readonly fragments: readonly string[]
  /** Origin under which clients know this service. */
  readonly origin: string
  readonly appviews: ReadonlySet<Did>
  /** Accounts that may administer. */
  readonly admins: ReadonlySet<Did>
  readonly adminPassword: string | null
  readonly sessionTtlMs: number
  readonly requireDpopNonce: boolean
  /** Whether access tokens for the user's own PDS count. */
  readonly acceptPdsAudience: boolean
  /** Refused credentials from one address before it has to wait. */
  readonly failuresPerMinute: number
  readonly adminFailuresPerMinute: number
}

/** What authentication leans on. */
export interface AuthenticationPorts {
  readonly keys: SigningKeyResolver
  readonly issuers: TokenIssuers
  readonly sessions: SessionStore
  readonly replays: ReplayStore
  readonly memberships: Memberships
  /** 32 bytes that all instances share; null makes one that dies with this process. */
  readonly nonceSecret: Uint8Array | null
  /** Told when sessions have ended before their time. */
  readonly sessionsEnded: (change: AccessChange) => void
  readonly nowMs: () => number
}

/** Connects the verifiers. */
export function createAuthenticator(settings: AuthenticationSettings, ports: AuthenticationPorts) {
  const { nowMs } = ports
  const names = [settings.serviceDid, ...settings.fragments.map((name) => `${settings.serviceDid}#${name}`)]
  const jwts = new ServiceJwts({
    audiences: new Set(names),
    keys: ports.keys,
    replays: ports.replays,
    nowMs,
  })
  const ownNonces = settings.requireDpopNonce && ports.nonceSecret === null
  const proofs = new DpopProofs({
    nonces: new DpopNonces(ports.nonceSecret ?? randomBytes(32), nowMs),
    requireNonce: settings.requireDpopNonce,
    // A nonce of our own dies with this process, and every proof with it. Otherwise only the clock ends the life of a
    // proof, and neither a restart nor another instance must revive it.
    replays: new ReplayCache({ shared: ownNonces ? null : ports.replays, nowMs }),
    nowMs,
  })
  const sessions = new SessionKeys({
    store: ports.sessions,
    jwts,
    ttlMs: settings.sessionTtlMs,
    nowMs,
    ended: ports.sessionsEnded,
  })
  const tokens = new AccessTokens({
    audiences: new Set([...names, settings.origin]),
    acceptPdsAudience: settings.acceptPdsAudience,
    issuers: ports.issuers,
    nowMs,
  })
  const limiter = (maxFailures: number) => new FailureLimiter({ maxFailures, windowMs: MINUTE_MS, nowMs })
  const authenticator = new Authenticator(
    { origin: settings.origin, services: settings.appviews, admins: settings.admins },
    {
      proofs,
      jwts,
      sessions,
      tokens,
      memberships: ports.memberships,
      admin: new AdminPassword(settings.adminPassword, limiter(settings.adminFailuresPerMinute)),
      failures: limiter(settings.failuresPerMinute),
    },
  )
  return { authenticator, sessions }
}
