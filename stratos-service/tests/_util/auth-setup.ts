import { parseDid, parseNsid, StratosError, type Did } from 'stratos-core'
import { AdminPassword } from '../../src/auth/admin.ts'
import { Authenticator, type AuthRequest } from '../../src/auth/authenticate.ts'
import { DpopNonces } from '../../src/auth/dpop-nonce.ts'
import { DpopProofs } from '../../src/auth/dpop-proof.ts'
import { FailureLimiter } from '../../src/auth/failure-limiter.ts'
import { ReplayCache } from '../../src/auth/replay-cache.ts'
import { ServiceJwts } from '../../src/auth/service-jwt.ts'
import { CREATE_SESSION, SessionKeys } from '../../src/auth/session-key.ts'
import { Account, ath, ClientKey, Directory, MemorySessionStore, type Members } from './signing.ts'

export const ORIGIN = 'https://stratos.example'
export const US = 'did:web:stratos.example'
export const METHOD = parseNsid('zone.stratos.repo.hydrateRecords')
export const PATH = `/xrpc/${METHOD}`
/** What an OAuth client sends along: signed with a secret that nobody here knows. */
export const PDS_TOKEN = 'eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkaWQ6cGxjOmJvYiJ9.c2VjcmV0'
export const BOUNDARY = `${US}/general`

/** The whole of authentication with real keys and verifiers, a directory and a clock that the test controls. */
export async function setUpAuth(
  options: { readonly maxFailures?: number; readonly admins?: ReadonlySet<Did> } = {},
) {
  const clock = { nowMs: 1_800_000_000_000 }
  const nowMs = () => clock.nowMs
  const nowSec = () => Math.floor(clock.nowMs / 1000)
  const [alice, visitor, appview] = await Promise.all([
    Account.create('did:plc:alice'),
    Account.create('did:plc:visitor'),
    Account.create('did:web:appview.example'),
  ])
  const directory = new Directory(() => new StratosError('AuthenticationRequired', 'unknown DID'))
  for (const account of [alice, visitor, appview]) directory.publish(account.did, account.signingKey)

  const replays = new ReplayCache({ shared: null, nowMs })
  const nonces = new DpopNonces(Buffer.alloc(32, 1), nowMs)
  const proofs = new DpopProofs({ nonces, requireNonce: true, replays, nowMs })
  const jwts = new ServiceJwts({ audiences: new Set([US]), keys: directory, replays, nowMs })
  const sessions = new SessionKeys({ store: new MemorySessionStore(), jwts, ttlMs: 3_600_000, nowMs })
  const enrolled = new Map<Did, ReadonlySet<string>>([[alice.did, new Set([BOUNDARY])]])
  const limiter = (maxFailures: number) => new FailureLimiter({ maxFailures, windowMs: 60_000, nowMs })
  const auth = new Authenticator(
    { origin: ORIGIN, services: new Set([parseDid(appview.did)]), admins: options.admins ?? new Set() },
    {
      proofs,
      jwts,
      sessions,
      tokens: { verify: async () => null },
      memberships: {
        find: async (did) => {
          const boundaries = enrolled.get(did)
          return boundaries === undefined ? null : { boundaries }
        },
      },
      admin: new AdminPassword('pass:word', limiter(10)),
      failures: options.maxFailures === undefined ? null : limiter(options.maxFailures),
    },
  )

  const jwt = (account: Account, claims: Members = {}, header: Members = {}) =>
    account.serviceJwt({ aud: US, lxm: METHOD, exp: nowSec() + 60, ...claims }, header)
  const proof = (key: ClientKey, claims: Members = {}, header: Members = {}) =>
    key.proof(
      {
        htm: 'GET',
        htu: ORIGIN + PATH,
        iat: nowSec(),
        nonce: nonces.current(),
        ath: ath(PDS_TOKEN),
        ...claims,
      },
      header,
    )
  const withKey = (key: ClientKey, claims: Members = {}) => [
    'Authorization',
    `DPoP ${PDS_TOKEN}`,
    'DPoP',
    proof(key, claims),
  ]
  const registered = async (account: Account) => {
    const key = new ClientKey()
    await sessions.register(await jwt(account, { lxm: CREATE_SESSION }), key.jkt)
    return key
  }
  return { auth, clock, nonces, sessions, enrolled, alice, visitor, appview, jwt, proof, withKey, registered }
}

export interface SentRequest extends AuthRequest {
  /** Headers of the answer, by name in lower case. */
  readonly answered: Map<string, string>
}

export function request(rawHeaders: readonly string[] = [], rest: Partial<AuthRequest> = {}): SentRequest {
  const answered = new Map<string, string>()
  return {
    method: 'GET',
    url: `${PATH}?uris=at://x`,
    rawHeaders: ['Host', 'stratos.example', ...rawHeaders],
    address: '192.0.2.1',
    setHeader: (name, value) => void answered.set(name.toLowerCase(), value),
    answered,
    ...rest,
  }
}

export function basic(password: string): string[] {
  return ['Authorization', `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`]
}
