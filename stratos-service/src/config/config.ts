import { MAX_ENROLLED_BOUNDARIES, parseDid, qualifyBoundary, type Boundary, type Did } from 'stratos-core'
import { importSecp256k1Keypair } from 'stratos-core/repo'
import { readBlobs } from './blobs.ts'
import { ConfigError, type Env } from './env.ts'
import type { MasterKeys } from './vault.ts'
import { readPostgres, type PostgresSettings } from './postgres.ts'

export type Config = ReturnType<typeof buildConfig>

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]'])
const BOUNDARY_NAME = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/
const MIN_SECRET_LENGTH = 32
const DAY_MS = 86_400_000
const MAX_BOUNDARY_LENGTH = 253

/**
 * Turns the flat environment into nested settings and checks what no single variable can tell.
 *
 * @throws {ConfigError} with every contradiction found
 */
export function buildConfig(env: Env) {
  const problems: string[] = []
  const publicUrl = new URL(env.STRATOS_PUBLIC_URL)
  const secure = publicUrl.protocol === 'https:'
  const loopback = LOOPBACK_HOSTS.has(publicUrl.hostname)
  if (!secure && !loopback) problems.push('STRATOS_PUBLIC_URL must be https unless it is a loopback address')
  if (secure && env.STRATOS_ALLOW_PRIVATE_ADDRESSES) {
    problems.push(
      'STRATOS_ALLOW_PRIVATE_ADDRESSES is for local networks and is refused with an https STRATOS_PUBLIC_URL',
    )
  }

  const serviceDid = readServiceDid(env.STRATOS_SERVICE_DID, publicUrl, problems)
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(env.STRATOS_SERVICE_FRAGMENT)) {
    problems.push('STRATOS_SERVICE_FRAGMENT must be lower-case letters, digits and underscores')
  }
  const allowed = qualifyAll(serviceDid, env.STRATOS_ALLOWED_DOMAINS, 'STRATOS_ALLOWED_DOMAINS', problems)
  const auto = qualifyAll(
    serviceDid,
    env.STRATOS_AUTO_ENROLL_DOMAINS,
    'STRATOS_AUTO_ENROLL_DOMAINS',
    problems,
  )
  for (const boundary of auto) {
    if (!allowed.includes(boundary))
      problems.push(`STRATOS_AUTO_ENROLL_DOMAINS names "${boundary}", which is not allowed`)
  }
  if ((auto.length > 0 ? auto : allowed).length > MAX_ENROLLED_BOUNDARIES) {
    problems.push(
      `STRATOS_AUTO_ENROLL_DOMAINS must name at most ${MAX_ENROLLED_BOUNDARIES} boundaries, which is what an account may hold`,
    )
  }
  const dids = (name: 'STRATOS_ALLOWED_DIDS' | 'STRATOS_ALLOWED_APPVIEWS' | 'STRATOS_ADMIN_DIDS') =>
    new Set(env[name].flatMap((did) => readDid(did, name, problems) ?? []))
  const allowedDids = dids('STRATOS_ALLOWED_DIDS')
  const appviews = dids('STRATOS_ALLOWED_APPVIEWS')
  const admins = dids('STRATOS_ADMIN_DIDS')
  for (const did of admins) {
    if (appviews.has(did)) problems.push(`STRATOS_ADMIN_DIDS and STRATOS_ALLOWED_APPVIEWS both name ${did}`)
  }
  if (env.STRATOS_OAUTH_CLIENT_AUTH !== 'none' && !secure) {
    problems.push('STRATOS_OAUTH_CLIENT_AUTH must be none unless STRATOS_PUBLIC_URL is https')
  }
  for (const entry of env.STRATOS_EXTRA_COLLECTIONS) {
    if (!/^[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z][a-zA-Z0-9-]*)+(\.\*)?$/.test(entry)) {
      problems.push(`STRATOS_EXTRA_COLLECTIONS has "${entry}", which is neither an NSID nor ends in ".*"`)
    }
  }
  if (env.STRATOS_SIGNING_KEY_HEX !== null && !isPrivateKey(env.STRATOS_SIGNING_KEY_HEX)) {
    problems.push('STRATOS_SIGNING_KEY_HEX is not a private key of secp256k1')
  }
  if (env.STRATOS_ALLOW_LIST_URI.startsWith('http:') && !env.STRATOS_ALLOW_PRIVATE_ADDRESSES) {
    problems.push('STRATOS_ALLOW_LIST_URI must be https')
  }
  if (env.STRATOS_ALLOW_LIST_BOOTSTRAP_NAME !== '' && env.STRATOS_VALKEY_URL === '') {
    problems.push(
      'STRATOS_ALLOW_LIST_BOOTSTRAP_NAME names a set in Valkey, but STRATOS_VALKEY_URL is not set',
    )
  }
  const storage = readStorage(env, problems)
  if (env.STRATOS_SYNC_TOKEN !== '' && env.STRATOS_SYNC_TOKEN.length < MIN_SECRET_LENGTH) {
    problems.push(`STRATOS_SYNC_TOKEN must have at least ${MIN_SECRET_LENGTH} characters`)
  }
  const blobs = readBlobs(env, problems)
  if (problems.length > 0) throw new ConfigError(problems)

  return {
    service: {
      did: serviceDid,
      fragment: env.STRATOS_SERVICE_FRAGMENT,
      publicUrl: env.STRATOS_PUBLIC_URL,
      secure,
      loopback,
      boundaries: new Set<Boundary>(allowed) as ReadonlySet<Boundary>,
      contact: env.STRATOS_OPERATOR_CONTACT,
    },
    server: {
      host: env.STRATOS_HOST,
      port: env.STRATOS_PORT,
      logLevel: env.STRATOS_LOG_LEVEL,
      trustedProxies: env.STRATOS_TRUSTED_PROXIES,
    },
    storage,
    minFreeBytes: env.STRATOS_MIN_FREE_DISK_MIB * 1024 * 1024,
    signingKey: env.STRATOS_SIGNING_KEY_HEX,
    valkeyUrl: env.STRATOS_VALKEY_URL === '' ? null : env.STRATOS_VALKEY_URL,
    blobs,
    enrollment: {
      mode: env.STRATOS_ENROLLMENT_MODE,
      allowedDids,
      allowedPdsEndpoints: env.STRATOS_ALLOWED_PDS_ENDPOINTS,
      allowList: {
        uri: env.STRATOS_ALLOW_LIST_URI === '' ? null : env.STRATOS_ALLOW_LIST_URI,
        /** Of the set in Valkey. */
        name: env.STRATOS_ALLOW_LIST_BOOTSTRAP_NAME === '' ? null : env.STRATOS_ALLOW_LIST_BOOTSTRAP_NAME,
        refreshMs: env.STRATOS_ALLOW_LIST_REFRESH_MS,
        maxStaleMs: env.STRATOS_ALLOW_LIST_MAX_STALE_MS,
      },
      autoBoundaries: auto.length > 0 ? auto : allowed,
      redirectOrigins: new Set(env.STRATOS_ALLOWED_REDIRECT_ORIGINS) as ReadonlySet<string>,
    },
    oauth: {
      branding: {
        client_name: env.STRATOS_OAUTH_CLIENT_NAME,
        ...optionalText('logo_uri', env.STRATOS_OAUTH_LOGO_URI),
        ...optionalText('tos_uri', env.STRATOS_OAUTH_TOS_URI),
        ...optionalText('policy_uri', env.STRATOS_OAUTH_POLICY_URI),
      },
      isConfidential: env.STRATOS_OAUTH_CLIENT_AUTH === 'private_key_jwt',
    },
    identity: {
      plcUrl: env.STRATOS_PLC_URL,
      handleResolverUrl: env.STRATOS_HANDLE_RESOLVER_URL === '' ? null : env.STRATOS_HANDLE_RESOLVER_URL,
      allowPrivateAddresses: env.STRATOS_ALLOW_PRIVATE_ADDRESSES,
    },
    access: {
      appviews,
      admins,
      acceptPdsAudience: env.STRATOS_ACCEPT_PDS_AUDIENCE,
      adminPassword: env.STRATOS_ADMIN_PASSWORD === '' ? null : env.STRATOS_ADMIN_PASSWORD,
      sessionTtlMs: env.STRATOS_SESSION_TTL_MS,
      requireDpopNonce: env.STRATOS_DPOP_REQUIRE_NONCE,
      failuresPerMinute: env.STRATOS_AUTH_FAILURES_PER_MINUTE,
      adminFailuresPerMinute: env.STRATOS_ADMIN_FAILURES_PER_MINUTE,
      extraCollections: env.STRATOS_EXTRA_COLLECTIONS,
    },
    limits: {
      authorizePerMinute: env.STRATOS_AUTHORIZE_PER_MINUTE,
      handleLookupsPerMinute: env.STRATOS_HANDLE_LOOKUPS_PER_MINUTE,
      idleMs: env.STRATOS_BODY_IDLE_TIMEOUT_MS,
      reads: {
        perAccount: env.STRATOS_READS_PER_MINUTE,
        perNetwork: env.STRATOS_ANONYMOUS_READS_PER_MINUTE,
        perService: env.STRATOS_SERVICE_READS_PER_MINUTE,
      },
    },
    writeRate: {
      maxWrites: env.STRATOS_WRITE_RATE_MAX_WRITES,
      windowMs: env.STRATOS_WRITE_RATE_WINDOW_MS,
      cooldownMs: env.STRATOS_WRITE_RATE_COOLDOWN_MS,
      cooldownJitterMs: env.STRATOS_WRITE_RATE_COOLDOWN_JITTER_MS,
    },
    imports: { maxBytes: env.STRATOS_IMPORT_MAX_BYTES },
    /** Writes that may be refused in such a window. */
    maxWriteFailures: env.STRATOS_WRITE_RATE_MAX_FAILURES,
    stubs: { mode: env.STRATOS_STUBS, batchMs: env.STRATOS_STUB_BATCH_MS },
    streams: {
      syncToken: env.STRATOS_SYNC_TOKEN === '' ? null : env.STRATOS_SYNC_TOKEN,
      perPrincipal: env.STRATOS_STREAMS_PER_PRINCIPAL,
      perAddress: env.STRATOS_STREAMS_PER_ADDRESS,
      heartbeatMs: env.STRATOS_STREAM_HEARTBEAT_MS,
      recheckMs: env.STRATOS_STREAM_RECHECK_MS,
      patienceMs: env.STRATOS_STREAM_PATIENCE_MS,
      /** null keeps events for ever. */
      retentionMs: env.STRATOS_RETENTION_DAYS === 0 ? null : env.STRATOS_RETENTION_DAYS * DAY_MS,
    },
  } as const
}

/** An empty setting is none. */
function optionalText<N extends string>(name: N, value: string): { readonly [K in N]?: string } {
  return value === '' ? {} : ({ [name]: value } as { readonly [K in N]?: string })
}

/** Where everything is kept. The data directory holds the service's own key, and blobs, also beside Postgres. */
export type StorageSettings = {
  readonly dataDir: string
  readonly openActors: number
  /** Seal what is secret. */
  readonly masterKeys: MasterKeys
} & ({ readonly backend: 'sqlite' } | { readonly backend: 'postgres'; readonly postgres: PostgresSettings })

function readStorage(env: Env, problems: string[]): StorageSettings {
  const masterKeys = { current: env.STRATOS_MASTER_KEY, previous: env.STRATOS_MASTER_KEY_PREVIOUS }
  if (masterKeys.current === null && masterKeys.previous.length > 0) {
    problems.push('STRATOS_MASTER_KEY_PREVIOUS needs a STRATOS_MASTER_KEY that comes after it')
  }
  const common = { dataDir: env.STRATOS_DATA_DIR, openActors: env.STRATOS_OPEN_ACTORS, masterKeys }
  const postgres = env.STORAGE_BACKEND === 'postgres' ? readPostgres(env, problems) : null
  return postgres === null ? { ...common, backend: 'sqlite' } : { ...common, backend: 'postgres', postgres }
}

function isPrivateKey(raw: Uint8Array): boolean {
  try {
    importSecp256k1Keypair(raw)
    return true
  } catch (err) {
    if (err instanceof RangeError) return false
    throw err
  }
}

function readServiceDid(raw: string, publicUrl: URL, problems: string[]): Did {
  const did = readDid(raw, 'STRATOS_SERVICE_DID', problems)
  const derived = `did:web:${publicUrl.host.replace(':', '%3A')}`
  const acceptable = [derived]
  // On one machine the port may be left out: nobody outside resolves the DID anyway.
  if (LOOPBACK_HOSTS.has(publicUrl.hostname)) acceptable.push(`did:web:${publicUrl.hostname}`)
  // Anything else would publish a DID document that nobody can resolve to this service.
  if (did?.startsWith('did:web:') === true && !acceptable.includes(did)) {
    problems.push(`STRATOS_SERVICE_DID is ${did}, but STRATOS_PUBLIC_URL makes it ${derived}`)
  }
  return did ?? parseDid('did:web:invalid.invalid')
}

function readDid(raw: string, name: string, problems: string[]): Did | null {
  try {
    return parseDid(raw)
  } catch {
    problems.push(`${name} has "${raw}", which is not a DID`)
    return null
  }
}

function qualifyAll(
  serviceDid: Did,
  names: readonly string[],
  variable: string,
  problems: string[],
): Boundary[] {
  return names.map((name) => {
    if (!BOUNDARY_NAME.test(name)) {
      problems.push(
        `${variable} has "${name}"; names are letters, digits and . _ ~ - and carry no service DID`,
      )
    }
    const boundary = qualifyBoundary(serviceDid, name)
    if (boundary.length > MAX_BOUNDARY_LENGTH) problems.push(`${variable} has "${name}", which is too long`)
    return boundary
  })
}
