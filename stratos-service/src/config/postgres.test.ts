import { describe, expect, it } from 'vitest'
import { buildConfig } from './config.ts'
import { ConfigError, readEnv } from './env.ts'
import { NO_MASTER_KEYS } from './vault.ts'

const MINIMAL = {
  STRATOS_SERVICE_DID: 'did:web:stratos.example.com',
  STRATOS_PUBLIC_URL: 'https://stratos.example.com',
  STRATOS_ALLOWED_DOMAINS: 'general',
  STORAGE_BACKEND: 'postgres',
}
const storageOf = (more: Record<string, string>) => buildConfig(readEnv({ ...MINIMAL, ...more })).storage

function problemsOf(more: Record<string, string>): readonly string[] {
  try {
    storageOf(more)
  } catch (err) {
    if (err instanceof ConfigError) return err.problems
    throw err
  }
  return []
}

const DEFAULTS = { sslMode: 'require', layout: 'schema', actorPoolSize: 20, adminPoolSize: 8 }

describe('the way to a Postgres database', () => {
  it('is put together from its parts', () => {
    expect(storageOf({ STRATOS_PG_HOST: 'db.internal', STRATOS_PG_PASSWORD: 'p@ss' })).toEqual({
      dataDir: './data',
      openActors: 270,
      masterKeys: NO_MASTER_KEYS,
      backend: 'postgres',
      postgres: {
        host: 'db.internal',
        port: 5432,
        user: 'stratos',
        password: 'p@ss',
        database: 'stratos',
        ...DEFAULTS,
      },
    })
    const all = {
      STRATOS_PG_HOST: '/var/run/postgresql',
      STRATOS_PG_PORT: '6000',
      STRATOS_PG_USERNAME: 'me',
      STRATOS_PG_DBNAME: 'mine',
      STRATOS_PG_SSLMODE: 'verify-full',
      STRATOS_PG_LAYOUT: 'shared',
      STRATOS_PG_ACTOR_POOL_SIZE: '7',
      STRATOS_PG_ADMIN_POOL_SIZE: '3',
    }
    expect(storageOf(all)).toMatchObject({
      postgres: {
        host: '/var/run/postgresql',
        port: 6000,
        user: 'me',
        password: '',
        database: 'mine',
        sslMode: 'verify-full',
        layout: 'shared',
        actorPoolSize: 7,
        adminPoolSize: 3,
      },
    })
  })

  it.each([
    [
      'postgres://me:p%40ss@db.internal/mine',
      { host: 'db.internal', user: 'me', password: 'p@ss', database: 'mine' },
    ],
    ['postgresql://me@db.internal:6000', { port: 6000, password: '', database: 'me' }],
    ['postgres://me@db.internal/x?sslmode=disable', { sslMode: 'disable' }],
    ['postgres://me@db.internal/x', { sslMode: 'verify-ca' }],
    ['postgres://me@[::1]:5433/x', { host: '::1', port: 5433 }],
    ['postgres://me@%2Frun%2Fpostgresql/x', { host: '/run/postgresql', database: 'x' }],
    ['postgres://me@any/x?host=/run/postgresql', { host: '/run/postgresql', database: 'x' }],
  ])('is read from %s, which wins over the parts', (url, expected) => {
    const parts = {
      STRATOS_PG_HOST: 'elsewhere',
      STRATOS_PG_USERNAME: 'you',
      STRATOS_PG_SSLMODE: 'verify-ca',
    }
    expect(storageOf({ ...parts, STRATOS_POSTGRES_URL: url })).toMatchObject({ postgres: expected })
  })

  it.each([
    ['neither a URL nor a host', {}, /STRATOS_POSTGRES_URL or STRATOS_PG_HOST/],
    ['something else than a URL', { STRATOS_POSTGRES_URL: 'host=db password=hunter2' }, /must look like/],
    ['a URL of another kind', { STRATOS_POSTGRES_URL: 'mysql://me:hunter2@db/x' }, /must look like/],
    ['a URL without a user', { STRATOS_POSTGRES_URL: 'postgres://db/x?password=hunter2' }, /must look like/],
    ['half an escape', { STRATOS_POSTGRES_URL: 'postgres://me:hunter2%@db/x' }, /must look like/],
    [
      'an unknown mode',
      { STRATOS_POSTGRES_URL: 'postgres://me:hunter2@db/x?sslmode=allow' },
      /none of disable/,
    ],
    ['an unknown parameter', { STRATOS_POSTGRES_URL: 'postgres://me:hunter2@db/x?pool=9' }, /has "pool"/],
    [
      'an unknown mode in its part',
      { STRATOS_PG_HOST: 'db', STRATOS_PG_SSLMODE: 'allow' },
      /STRATOS_PG_SSLMODE must be one of/,
    ],
    [
      'an unknown layout',
      { STRATOS_PG_HOST: 'db', STRATOS_PG_LAYOUT: 'flat' },
      /must be one of schema, shared/,
    ],
  ])('is refused with %s, and the password is not told', (_what, more, message) => {
    const problems = problemsOf(more)
    expect(problems).toEqual([expect.stringMatching(message)])
    expect(problems.join()).not.toContain('hunter2')
  })

  it('is not looked at with SQLite', () => {
    expect(storageOf({ STORAGE_BACKEND: 'sqlite', STRATOS_PG_HOST: 'db' })).toEqual({
      dataDir: './data',
      openActors: 270,
      masterKeys: NO_MASTER_KEYS,
      backend: 'sqlite',
    })
  })
})
