import { isQualified } from 'stratos-core'
import type { DatabaseSettings } from './tables/database.ts'

type Reader<T> = (raw: string) => T
interface Option<T> {
  readonly read: Reader<T>
  readonly fallback: T
  readonly help: string
}

const text: Reader<string> = (raw) => raw
const list: Reader<readonly string[]> = (raw) =>
  raw
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')

const boolean: Reader<boolean> = (raw) => {
  if (raw === 'true' || raw === '1') return true
  if (raw === 'false' || raw === '0') return false
  throw new Error(`must be "true" or "false", got "${raw}"`)
}

const integer =
  (min: number, max: number): Reader<number> =>
  (raw) => {
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN
    if (value >= min && value <= max) return value
    throw new Error(`must be a whole number from ${min} to ${max}, got "${raw}"`)
  }

/** An address without path; ws and wss count as http and https. */
const origin: Reader<string> = (raw) => {
  const parsed = URL.parse(raw.replace(/^ws(s?):/, 'http$1:'))
  const isPlain = parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === ''
  if (isPlain && parsed.pathname === '/' && parsed.search === '') return parsed.origin
  throw new Error('must be an http(s) or ws(s) URL without path')
}

const streams: Reader<'service' | 'actors'> = (raw) => {
  if (raw === 'service' || raw === 'actors') return raw
  throw new Error(`must be "service" or "actors", got "${raw}"`)
}

const boundary: Reader<string> = (raw) => {
  if (isQualified(raw)) return raw
  throw new Error(`must be boundaries like did:web:stratos.example.com/name, got "${raw}"`)
}

const secretKey: Reader<Uint8Array | null> = (raw) => {
  if (/^[0-9a-f]{64}$/i.test(raw)) return Buffer.from(raw, 'hex')
  throw new Error('must be 64 hexadecimal digits, as `openssl rand -hex 32` prints them')
}

function option<T>(read: Reader<T>, fallback: NoInfer<T>, help: string): Option<T> {
  return { read, fallback, help }
}

/** Every environment variable: how it is read, its default, its meaning. docs/appview/indexer.md has the same table. */
export const ENV_TABLE = {
  BSKY_DB_POSTGRES_URL: option(text, '', 'Postgres database of the AppView; unset, SQLite is used'),
  BSKY_DB_POSTGRES_SCHEMA: option(text, 'bsky', 'Schema of the tables'),
  BSKY_DB_POOL_SIZE: option(integer(1, 1_000), 20, 'Connections to Postgres'),
  STRATOS_INDEXER_SQLITE_FILE: option(text, './stratos-indexer.sqlite', 'SQLite database'),
  STRATOS_SERVICE_URL: option(
    (raw) => list(raw).map(origin),
    [],
    'Comma-separated URLs of the services to follow',
  ),
  STRATOS_SYNC_TOKEN: option(
    text,
    '',
    'Secret of the services for streams; unset, tokens are signed with the key',
  ),
  STRATOS_INDEXER_DID: option(
    text,
    '',
    '`did:web` of this process, which services list in STRATOS_ALLOWED_APPVIEWS',
  ),
  STRATOS_INDEXER_SIGNING_KEY_HEX: option(
    secretKey,
    null,
    'Private secp256k1 key; unset, STRATOS_INDEXER_KEY_FILE has it',
  ),
  STRATOS_INDEXER_KEY_FILE: option(
    text,
    './stratos-indexer.key',
    'File with the key; made when it is missing',
  ),
  STRATOS_INDEXER_HOST: option(text, '0.0.0.0', 'Address to listen on'),
  HEALTH_PORT: option(integer(0, 65_535), 3002, 'Port of /health, /ready, /metrics and the DID document'),
  BSKY_REPO_PROVIDER: option(
    origin,
    '',
    'PDS or relay whose firehose tells of enrollments; unset, services alone do',
  ),
  BACKFILL_ENROLLED_ONLY: option(
    boolean,
    false,
    'Read the enrollment records of enrolled accounts alone, instead of all repos there',
  ),
  STRATOS_HANDLE_RESOLVER_URL: option(
    origin,
    '',
    'Server that resolves handles; unset, DNS and HTTPS are asked',
  ),
  BSKY_DID_PLC_URL: option(origin, 'https://plc.directory', 'PLC directory'),
  STRATOS_ALLOW_PRIVATE_ADDRESSES: option(
    boolean,
    false,
    'Permit http and private addresses; for networks on one machine',
  ),
  STRATOS_INDEXER_STREAMS: option(
    streams,
    'service',
    '`service`: one stream of everything. `actors`: one for each account, for services without the former',
  ),
  ACTOR_SYNC_MAX_CONNECTIONS: option(
    integer(1, 100_000),
    1_000,
    'Accounts of a service that are followed at most, with `actors`',
  ),
  STRATOS_INDEXER_BATCH_EVENTS: option(integer(1, 10_000), 500, 'Events that one transaction takes at most'),
  WORKER_MAX_QUEUE_SIZE: option(integer(1, 100_000), 2_000, 'Events that wait before a stream is told to'),
  BACKGROUND_QUEUE_CONCURRENCY: option(integer(1, 100), 10, 'Accounts that are looked up together'),
  ACTOR_SYNC_RECONNECT_BASE_DELAY_MS: option(
    integer(1, 600_000),
    1_000,
    'Pause before a stream is opened again',
  ),
  ACTOR_SYNC_RECONNECT_MAX_DELAY_MS: option(integer(1, 3_600_000), 60_000, 'Longest such pause'),
  ACTOR_SYNC_RECONNECT_JITTER_MS: option(integer(0, 600_000), 1_000, 'Part of it that is left to chance'),
  STRATOS_INDEXER_API: option(boolean, false, 'Serve the read API'),
  STRATOS_INDEXER_API_REQUESTS_PER_MINUTE: option(
    integer(1, 1_000_000),
    600,
    'Requests of one account to the read API',
  ),
  STRATOS_INDEXER_SEARCH_BOUNDARIES: option(
    (raw) => list(raw).map(boundary),
    [],
    'Comma-separated boundaries, fully qualified, whose posts can be searched',
  ),
  LOG_LEVEL: option(text, 'info', 'fatal, error, warn, info, debug, trace or silent'),
} as const

/** Settings of earlier indexers for which there is nothing left to set. */
const WITHOUT_EFFECT = [
  'ACTOR_SYNC_CONNECT_DELAY_MS',
  'ACTOR_SYNC_IDLE_EVICTION_MS',
  'WORKER_CONCURRENCY',
  'CURSOR_FLUSH_INTERVAL_MS',
  'ACTOR_SYNC_CONCURRENCY',
  'ACTOR_SYNC_QUEUE_PER_ACTOR',
  'ACTOR_SYNC_GLOBAL_MAX_PENDING',
  'ACTOR_SYNC_DRAIN_DELAY_MS',
  'ACTOR_SYNC_RECONNECT_MAX_ATTEMPTS',
  'BACKGROUND_QUEUE_MAX_SIZE',
]

export interface Config {
  readonly database: DatabaseSettings
  /** Origins of the services. */
  readonly services: readonly string[]
  /** null to sign tokens instead. */
  readonly syncToken: string | null
  readonly identity: { readonly did: string; readonly key: Uint8Array | null; readonly keyFile: string }
  readonly health: { readonly host: string; readonly port: number }
  /** null without. */
  readonly repoProvider: string | null
  readonly backfillEnrolledOnly: boolean
  /** null to ask DNS and HTTPS. */
  readonly handleResolver: string | null
  readonly plcUrl: string
  readonly allowPrivateAddresses: boolean
  readonly streams: 'service' | 'actors'
  readonly maxActorStreams: number
  readonly batchEvents: number
  readonly maxQueued: number
  readonly atOnce: number
  readonly reconnect: ReconnectDelays
  /** null without the read API. */
  readonly api: ApiSettings | null
  readonly logLevel: string
  /** Sentences for the log. */
  readonly warnings: readonly string[]
}

export interface ApiSettings {
  readonly requestsPerMinute: number
  /** Boundaries whose posts can be searched. */
  readonly searchBoundaries: readonly string[]
}

export interface ReconnectDelays {
  readonly baseMs: number
  readonly maxMs: number
  readonly jitterMs: number
}

/** Raised once with every problem found. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

type Env = { readonly [Name in keyof typeof ENV_TABLE]: ReturnType<(typeof ENV_TABLE)[Name]['read']> }

/** @throws {ConfigError} with everything that is wrong, unknown `STRATOS_*` names included */
export function readConfig(source: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { read, fallback }] of Object.entries<Option<unknown>>(ENV_TABLE)) {
    const raw = source[name]
    values[name] = fallback
    if (raw === undefined || raw === '') continue
    try {
      values[name] = read(raw)
    } catch (err) {
      problems.push(`${name} ${err instanceof Error ? err.message : String(err)}`)
    }
  }
  for (const name of Object.keys(source)) {
    const isOurs = name.startsWith('STRATOS_') && !name.startsWith('STRATOS_TEST_')
    if (isOurs && !(name in ENV_TABLE)) problems.push(`${name} is not a variable of the indexer`)
  }
  const env = values as Env
  if (env.STRATOS_SERVICE_URL.length === 0) problems.push('STRATOS_SERVICE_URL must be set')
  if (!/^did:web:[A-Za-z0-9.-]+(%3A\d+)?$/.test(env.STRATOS_INDEXER_DID)) {
    problems.push('STRATOS_INDEXER_DID must be set to a did:web without path')
  }
  if (env.STRATOS_SYNC_TOKEN !== '' && env.STRATOS_SYNC_TOKEN.length < 32) {
    problems.push('STRATOS_SYNC_TOKEN must have at least 32 characters')
  }
  if (!env.STRATOS_ALLOW_PRIVATE_ADDRESSES) {
    for (const name of [
      'STRATOS_SERVICE_URL',
      'BSKY_REPO_PROVIDER',
      'STRATOS_HANDLE_RESOLVER_URL',
    ] as const) {
      const open = [env[name]].flat().find((url) => url !== '' && !url.startsWith('https:'))
      if (open !== undefined) {
        problems.push(
          `${name} has ${open}, but must be https (or wss) unless STRATOS_ALLOW_PRIVATE_ADDRESSES is true`,
        )
      }
    }
  }
  if (!env.STRATOS_INDEXER_API && env.STRATOS_INDEXER_SEARCH_BOUNDARIES.length > 0) {
    problems.push('STRATOS_INDEXER_SEARCH_BOUNDARIES needs STRATOS_INDEXER_API=true')
  }
  if (problems.length > 0)
    throw new ConfigError(`the configuration has problems:\n- ${problems.join('\n- ')}`)
  const idle = WITHOUT_EFFECT.filter((name) => source[name] !== undefined)
  return buildConfig(
    env,
    idle.map((name) => `${name} has no effect`),
  )
}

function buildConfig(env: Env, warnings: readonly string[]): Config {
  const { BSKY_DB_POSTGRES_URL: url } = env
  return {
    database:
      url === ''
        ? { kind: 'sqlite', file: env.STRATOS_INDEXER_SQLITE_FILE }
        : { kind: 'postgres', url, schema: env.BSKY_DB_POSTGRES_SCHEMA, poolSize: env.BSKY_DB_POOL_SIZE },
    services: [...new Set(env.STRATOS_SERVICE_URL)],
    syncToken: env.STRATOS_SYNC_TOKEN === '' ? null : env.STRATOS_SYNC_TOKEN,
    identity: {
      did: env.STRATOS_INDEXER_DID,
      key: env.STRATOS_INDEXER_SIGNING_KEY_HEX,
      keyFile: env.STRATOS_INDEXER_KEY_FILE,
    },
    health: { host: env.STRATOS_INDEXER_HOST, port: env.HEALTH_PORT },
    repoProvider: env.BSKY_REPO_PROVIDER === '' ? null : env.BSKY_REPO_PROVIDER,
    backfillEnrolledOnly: env.BACKFILL_ENROLLED_ONLY,
    handleResolver: env.STRATOS_HANDLE_RESOLVER_URL === '' ? null : env.STRATOS_HANDLE_RESOLVER_URL,
    plcUrl: env.BSKY_DID_PLC_URL,
    allowPrivateAddresses: env.STRATOS_ALLOW_PRIVATE_ADDRESSES,
    streams: env.STRATOS_INDEXER_STREAMS,
    maxActorStreams: env.ACTOR_SYNC_MAX_CONNECTIONS,
    batchEvents: env.STRATOS_INDEXER_BATCH_EVENTS,
    maxQueued: env.WORKER_MAX_QUEUE_SIZE,
    atOnce: env.BACKGROUND_QUEUE_CONCURRENCY,
    reconnect: {
      baseMs: env.ACTOR_SYNC_RECONNECT_BASE_DELAY_MS,
      maxMs: env.ACTOR_SYNC_RECONNECT_MAX_DELAY_MS,
      jitterMs: env.ACTOR_SYNC_RECONNECT_JITTER_MS,
    },
    api: env.STRATOS_INDEXER_API
      ? {
          requestsPerMinute: env.STRATOS_INDEXER_API_REQUESTS_PER_MINUTE,
          searchBoundaries: env.STRATOS_INDEXER_SEARCH_BOUNDARIES,
        }
      : null,
    logLevel: env.LOG_LEVEL,
    warnings,
  }
}
