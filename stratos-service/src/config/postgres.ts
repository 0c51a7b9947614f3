import type { Env } from './env.ts'

export type PostgresSettings = NonNullable<ReturnType<typeof readPostgres>>

export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

type SslMode = (typeof SSL_MODES)[number]

const DEFAULT_PORT = 5432

/**
 * Puts together how to reach the database, from the URL if there is one and else from its parts.
 *
 * @param problems receives what is wrong, without the URL, which contains a password
 * @returns null if something is wrong
 */
export function readPostgres(env: Env, problems: string[]) {
  const server = env.STRATOS_POSTGRES_URL === '' ? fromParts(env, problems) : fromUrl(env, problems)
  if (server === null) return null
  return {
    ...server,
    layout: env.STRATOS_PG_LAYOUT,
    actorPoolSize: env.STRATOS_PG_ACTOR_POOL_SIZE,
    adminPoolSize: env.STRATOS_PG_ADMIN_POOL_SIZE,
  }
}

interface Server {
  /** Name or address; a path is the directory of a socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly sslMode: SslMode
}

function fromParts(env: Env, problems: string[]): Server | null {
  const host = env.STRATOS_PG_HOST
  if (host === '') {
    problems.push('STORAGE_BACKEND=postgres needs STRATOS_POSTGRES_URL or STRATOS_PG_HOST')
    return null
  }
  return {
    host,
    port: env.STRATOS_PG_PORT,
    user: env.STRATOS_PG_USERNAME,
    password: env.STRATOS_PG_PASSWORD,
    database: env.STRATOS_PG_DBNAME,
    sslMode: env.STRATOS_PG_SSLMODE,
  }
}

function fromUrl(env: Env, problems: string[]): Server | null {
  const url = parseUrl(env.STRATOS_POSTGRES_URL)
  if (url === null) {
    problems.push('STRATOS_POSTGRES_URL must look like postgres://user:password@host:port/database')
    return null
  }
  const { sslmode = env.STRATOS_PG_SSLMODE, host = url.host, ...rest } = url.params
  const sslMode = SSL_MODES.find((mode) => mode === sslmode)
  if (sslMode === undefined) {
    problems.push(`STRATOS_POSTGRES_URL has an sslmode that is none of ${SSL_MODES.join(', ')}`)
  }
  for (const name of Object.keys(rest)) {
    problems.push(`STRATOS_POSTGRES_URL has "${name}"; only sslmode and host are understood`)
  }
  if (sslMode === undefined) return null
  const { user, password, port, database } = url
  return { host, port, user, password, database: database === '' ? user : database, sslMode }
}

/** @returns null for anything but a URL of Postgres with a user and a host */
function parseUrl(text: string) {
  const url = URL.parse(text)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) return null
  try {
    const [user = '', password = '', host = '', database = ''] = [
      url.username,
      url.password,
      // An IPv6 address has brackets in a URL and nowhere else.
      url.hostname.replace(/^\[(.*)\]$/, '$1'),
      url.pathname.slice(1),
    ].map(decodeURIComponent)
    if (user === '' || host === '') return null
    const port = url.port === '' ? DEFAULT_PORT : Number(url.port)
    return { user, password, host, port, database, params: Object.fromEntries(url.searchParams) }
  } catch (err) {
    if (err instanceof URIError) return null
    throw err
  }
}
