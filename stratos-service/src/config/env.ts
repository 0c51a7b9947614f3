import { optional, required, type Option } from './option.ts'
import { SSL_MODES } from './postgres.ts'
import { BLOB_VARIABLES } from './blob-variables.ts'
import { boolean, integer, key, keys, list, oneOf, origin, origins, text, url, valkeyUrl } from './readers.ts'
import { READ_LIMIT_ENV } from './read-limit-env.ts'
import { findSimilarName } from './similar-name.ts'
import { STREAM_ENV } from './stream-env.ts'

/**
 * Every environment variable the service reads: parser, default, help. The typed `Env`, `.env.example` and the table in
 * the operator documentation all come from here.
 */
export const ENV_TABLE = {
  STRATOS_SERVICE_DID: required(
    text,
    'Identity',
    'DID of this service, `did:web:<host>` (a port is written `%3A3100`)',
  ),
  STRATOS_PUBLIC_URL: required(origin, 'Identity', 'Public base URL, as clients see it; no path'),
  STRATOS_ALLOWED_DOMAINS: required(
    list,
    'Identity',
    'Comma-separated boundary names; each becomes `<service DID>/<name>`',
  ),
  STRATOS_SERVICE_FRAGMENT: optional(
    text,
    'atproto_pns',
    'Identity',
    'Fragment of the service in `source` and did.json',
  ),
  STRATOS_OPERATOR_CONTACT: optional(
    text,
    '',
    'Identity',
    'Contact shown in the User-Agent of outgoing requests',
  ),

  STRATOS_HOST: optional(text, '0.0.0.0', 'Server', 'Address to listen on'),
  STRATOS_PORT: optional(integer(0, 65535), 3100, 'Server', 'Port to listen on; 0 takes a free one'),
  STRATOS_LOG_LEVEL: optional(
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
    'info',
    'Server',
    'Log level; `LOG_LEVEL` is accepted as another name',
  ),
  STRATOS_TRUSTED_PROXIES: optional(
    integer(0, 10),
    0,
    'Server',
    'How many reverse proxies in front append to X-Forwarded-For; only limits by address use it',
  ),

  STORAGE_BACKEND: optional(
    oneOf('sqlite', 'postgres'),
    'sqlite',
    'Storage',
    'Database: `sqlite`, a file per actor, or `postgres`',
  ),
  STRATOS_DATA_DIR: optional(text, './data', 'Storage', 'Directory of databases and keys'),
  STRATOS_MIN_FREE_DISK_MIB: optional(
    integer(0, 1_000_000_000),
    64,
    'Storage',
    'With less free than this in the data directory, `/ready` answers 503',
  ),
  STRATOS_OPEN_ACTORS: optional(
    integer(1, 100_000),
    270,
    'Storage',
    'How many actor databases may be open with SQLite, four file descriptors each',
  ),
  STRATOS_POSTGRES_URL: optional(
    text,
    '',
    'Storage',
    '`postgres://user:password@host:port/database?sslmode=…`; wins over the parts below',
  ),
  STRATOS_PG_HOST: optional(text, '', 'Storage', 'Postgres server; a path is the directory of its socket'),
  STRATOS_PG_PORT: optional(integer(1, 65535), 5432, 'Storage', 'Its port'),
  STRATOS_PG_USERNAME: optional(text, 'stratos', 'Storage', 'Database user'),
  STRATOS_PG_PASSWORD: optional(text, '', 'Storage', 'Their password'),
  STRATOS_PG_DBNAME: optional(text, 'stratos', 'Storage', 'Database'),
  STRATOS_PG_SSLMODE: optional(
    oneOf(...SSL_MODES),
    'require',
    'Storage',
    'TLS as libpq defines it; the `verify-` modes trust what Node trusts (NODE_EXTRA_CA_CERTS adds to it)',
  ),
  STRATOS_PG_LAYOUT: optional(
    oneOf('schema', 'shared'),
    'schema',
    'Storage',
    '`schema` gives each actor a schema of their own, `shared` puts all into one; not to be changed later',
  ),
  STRATOS_PG_ACTOR_POOL_SIZE: optional(
    integer(1, 1_000),
    20,
    'Storage',
    'Connections of this instance for repos',
  ),
  STRATOS_PG_ADMIN_POOL_SIZE: optional(
    integer(2, 100),
    8,
    'Storage',
    'Connections of this instance for the tables of the service, and half as many for replays and limits',
  ),

  STRATOS_MASTER_KEY: optional<Uint8Array | null>(
    key,
    null,
    'Keys',
    'Seals private keys and OAuth tokens at rest: 64 hexadecimal digits, as `openssl rand -hex 32` prints them; kept nowhere else',
  ),
  STRATOS_MASTER_KEY_PREVIOUS: optional(
    keys,
    [],
    'Keys',
    'Comma-separated earlier master keys, needed until `stratos keys rewrap` has run',
  ),
  STRATOS_SIGNING_KEY_HEX: optional<Uint8Array | null>(
    key,
    null,
    'Keys',
    'Private secp256k1 key of the service, 64 hexadecimal digits; unset generates and keeps one',
  ),
  ...BLOB_VARIABLES,

  STRATOS_ENROLLMENT_MODE: optional(
    oneOf('open', 'allowlist'),
    'allowlist',
    'Enrollment',
    '`open` lets everybody enroll, `allowlist` only the accounts named below',
  ),
  STRATOS_ALLOWED_DIDS: optional(list, [], 'Enrollment', 'Comma-separated DIDs that may enroll'),
  STRATOS_ALLOWED_PDS_ENDPOINTS: optional(
    origins,
    [],
    'Enrollment',
    'Comma-separated PDS origins whose users may enroll',
  ),
  STRATOS_ALLOW_LIST_URI: optional(
    url,
    '',
    'Enrollment',
    'Web address of a list of DIDs that may enroll: text with one in a line, or JSON',
  ),
  STRATOS_ALLOW_LIST_REFRESH_MS: optional(
    integer(1_000, 86_400_000),
    600_000,
    'Enrollment',
    'How often that list is asked for',
  ),
  STRATOS_ALLOW_LIST_MAX_STALE_MS: optional(
    integer(1_000, 2_592_000_000),
    86_400_000,
    'Enrollment',
    'For how long the last good list counts while no other can be had',
  ),
  STRATOS_ALLOW_LIST_BOOTSTRAP_NAME: optional(
    text,
    '',
    'Enrollment',
    'Name of the set in Valkey that holds the list; without STRATOS_ALLOW_LIST_URI that set is the list',
  ),
  STRATOS_VALKEY_URL: optional(
    valkeyUrl,
    '',
    'Storage',
    '`redis://`, `rediss://` or `unix://` address of a Valkey or Redis: shares the allow list and the write limit between instances',
  ),
  STRATOS_AUTO_ENROLL_DOMAINS: optional(
    list,
    [],
    'Enrollment',
    'Boundary names given to a new user, at most 50; empty means all allowed ones',
  ),
  STRATOS_ALLOWED_REDIRECT_ORIGINS: optional(
    origins,
    [],
    'Enrollment',
    'Origins that enrollment may return the browser to, besides this service and, on loopback, any loopback address',
  ),
  STRATOS_OAUTH_CLIENT_NAME: optional(text, 'Stratos', 'Enrollment', 'Name shown on the consent screen'),
  STRATOS_OAUTH_LOGO_URI: optional(url, '', 'Enrollment', 'Logo on the consent screen'),
  STRATOS_OAUTH_TOS_URI: optional(url, '', 'Enrollment', 'Terms of service, linked from the consent screen'),
  STRATOS_OAUTH_POLICY_URI: optional(url, '', 'Enrollment', 'Privacy policy, linked from the consent screen'),
  STRATOS_OAUTH_CLIENT_AUTH: optional(
    oneOf('none', 'private_key_jwt'),
    'none',
    'Enrollment',
    '`private_key_jwt` makes this service a confidential client, with a key of its own in the data directory',
  ),

  STRATOS_PLC_URL: optional(url, 'https://plc.directory', 'Identity resolution', 'PLC directory'),
  STRATOS_HANDLE_RESOLVER_URL: optional(
    url,
    '',
    'Identity resolution',
    'Service that resolves handles; unset means DNS and HTTPS',
  ),
  STRATOS_ALLOW_PRIVATE_ADDRESSES: optional(
    boolean,
    false,
    'Identity resolution',
    'Permit http and loopback addresses in outgoing requests; refused when the public URL is https',
  ),

  STRATOS_ALLOWED_APPVIEWS: optional(
    list,
    [],
    'Access',
    'Comma-separated DIDs of services that may read for their viewers',
  ),
  STRATOS_ADMIN_PASSWORD: optional(
    text,
    '',
    'Access',
    'Password of the admin methods; unset switches them off',
  ),
  STRATOS_ADMIN_DIDS: optional(
    list,
    [],
    'Access',
    'Comma-separated DIDs of accounts that may administer, signed in by session key or service token',
  ),
  STRATOS_ACCEPT_PDS_AUDIENCE: optional(
    boolean,
    false,
    'Access',
    'Accept verifiable access tokens made for the user’s PDS; lets any application of the user in',
  ),
  STRATOS_SESSION_TTL_MS: optional(integer(1_000, 86_400_000), 3_600_000, 'Access', 'Life of a session key'),
  STRATOS_DPOP_REQUIRE_NONCE: optional(
    boolean,
    true,
    'Access',
    'Require a fresh nonce of ours in DPoP proofs',
  ),
  STRATOS_EXTRA_COLLECTIONS: optional(
    list,
    [],
    'Access',
    'Collections accepted besides `zone.stratos.*`: NSIDs or `com.example.*`',
  ),

  STRATOS_AUTH_FAILURES_PER_MINUTE: optional(
    integer(1, 1_000_000),
    60,
    'Limits',
    'Refused credentials from one address, after which it has to wait',
  ),
  STRATOS_ADMIN_FAILURES_PER_MINUTE: optional(
    integer(1, 1_000_000),
    10,
    'Limits',
    'Wrong administrator passwords from one address, after which it has to wait',
  ),
  STRATOS_AUTHORIZE_PER_MINUTE: optional(
    integer(1, 1_000_000),
    10,
    'Limits',
    'Enrollments that one address may begin in a minute',
  ),
  STRATOS_HANDLE_LOOKUPS_PER_MINUTE: optional(
    integer(1, 1_000_000),
    10,
    'Limits',
    'Handles that are looked up for one account, or one address without an account, in a minute',
  ),
  ...READ_LIMIT_ENV,
  STRATOS_BODY_IDLE_TIMEOUT_MS: optional(
    integer(100, 600_000),
    30_000,
    'Limits',
    'How long a request body, or whoever reads an answer, may pause before the connection is closed',
  ),
  STRATOS_WRITE_RATE_MAX_WRITES: optional(
    integer(1, 1_000_000),
    300,
    'Limits',
    'Writes a user may make in a window',
  ),
  STRATOS_WRITE_RATE_MAX_FAILURES: optional(
    integer(1, 1_000_000),
    300,
    'Limits',
    'Writes of a user that may be refused in a window; they do not count as writes',
  ),
  STRATOS_WRITE_RATE_WINDOW_MS: optional(integer(100, 86_400_000), 60_000, 'Limits', 'Length of that window'),
  STRATOS_WRITE_RATE_COOLDOWN_MS: optional(
    integer(0, 86_400_000),
    10_000,
    'Limits',
    'Pause after the limit is exceeded',
  ),
  STRATOS_WRITE_RATE_COOLDOWN_JITTER_MS: optional(
    integer(0, 60_000),
    1_000,
    'Limits',
    'Random addition to that pause',
  ),

  STRATOS_IMPORT_MAX_BYTES: optional(
    integer(1_024, 4_294_967_296),
    268_435_456,
    'Limits',
    'Largest export that a user may import, in bytes',
  ),

  ...STREAM_ENV,

  STRATOS_STUBS: optional(
    oneOf('full', 'minimal', 'off'),
    'full',
    'Stubs',
    '`full` writes a public stub of every record to the PDS at once, `minimal` in batches that do not tell when, `off` none',
  ),
  STRATOS_STUB_BATCH_MS: optional(
    integer(1_000, 86_400_000),
    600_000,
    'Stubs',
    'Time between two batches with `minimal`; dates in stubs are rounded down to it',
  ),
} as const satisfies Record<string, Option<unknown>>

export type EnvName = keyof typeof ENV_TABLE
export type Env = { readonly [N in EnvName]: ReturnType<(typeof ENV_TABLE)[N]['read']> }

/** Raised once with every problem found, so that an operator mends a configuration in one go. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(
      `the configuration has ${problems.length} problem${problems.length === 1 ? '' : 's'}:\n- ${problems.join('\n- ')}`,
    )
    this.problems = problems
  }
}

const ALIASES: Readonly<Record<string, EnvName>> = { LOG_LEVEL: 'STRATOS_LOG_LEVEL' }

/**
 * Reads the environment by the table. An empty value counts as unset.
 *
 * @throws {ConfigError} listing missing, malformed and unknown `STRATOS_*` variables
 */
export function readEnv(source: Readonly<Record<string, string | undefined>>): Env {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  const raw: Record<string, string | undefined> = { ...source }
  for (const [alias, name] of Object.entries(ALIASES)) raw[name] ||= source[alias]

  for (const [name, option] of Object.entries<Option<unknown>>(ENV_TABLE)) {
    const value = raw[name]
    if (value !== undefined && value !== '') {
      try {
        values[name] = option.read(value)
      } catch (err) {
        problems.push(`${name} ${err instanceof Error ? err.message : String(err)}`)
      }
    } else if (option.fallback === undefined) problems.push(`${name} must be set: ${option.help}`)
    else values[name] = option.fallback
  }
  for (const name of Object.keys(source)) {
    const ours = name.startsWith('STRATOS_') && !name.startsWith('STRATOS_TEST_')
    if (ours && !(name in ENV_TABLE)) problems.push(unknownName(name))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return values as Env
}

function unknownName(name: string): string {
  const similar = findSimilarName(name, Object.keys(ENV_TABLE))
  return `${name} is not a variable of this service${similar === null ? '' : `; did you mean ${similar}?`}`
}
