import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { newActor, newDid } from 'stratos-core/testing'
import { startPostgres } from 'test-network/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createDatabase, postgresEnv, settingsOf } from '../../tests/_util/databases.ts'
import type { StorageSettings } from '../config/config.ts'
import { openStorage, type Storage } from './open-storage.ts'

const UNAVAILABLE = expect.objectContaining({ code: 'ServiceUnavailable' })

let dataDir: string
const opened: Storage[] = []
const clock = { nowMs: Date.now() }

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stratos-postgres-'))
})
afterAll(() => rmSync(dataDir, { recursive: true }))
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
})

const settings = (url: string, layout: 'schema' | 'shared' = 'schema'): StorageSettings =>
  settingsOf(dataDir, postgresEnv(url, layout))

async function open(url: string, layout: 'schema' | 'shared' = 'schema'): Promise<Storage> {
  const storage = await openStorage(settings(url, layout), () => clock.nowMs)
  opened.push(storage)
  return storage
}

async function sql(url: string, ...statements: string[]): Promise<pg.QueryResult[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const results: pg.QueryResult[] = []
    for (const statement of statements) results.push(await client.query(statement))
    return results
  } finally {
    await client.end()
  }
}

describe('an empty database', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>
  beforeEach(async () => {
    database = await createDatabase()
  })
  afterEach(async () => {
    for (const storage of opened.splice(0)) await storage.close()
    await database.drop()
  })

  it('is set up once by instances that start at the same time', async () => {
    const instances = await Promise.all([1, 2, 3].map(() => open(database.url)))
    for (const { enrollments } of instances) expect(await enrollments.count()).toBe(0)
    const secrets = instances.map(({ nonceSecret }) => Buffer.from(nonceSecret!).toString('hex'))
    expect(new Set(secrets).size).toBe(1)
    expect(secrets[0]).toHaveLength(64)
  })

  it('stays with the layout that its actors have', async () => {
    await newActor((await open(database.url, 'schema')).actors)
    await expect(open(database.url, 'shared')).rejects.toThrow(/STRATOS_PG_LAYOUT must be schema/)
    const other = await createDatabase()
    await newActor((await open(other.url, 'shared')).actors)
    await expect(open(other.url, 'schema')).rejects.toThrow(/STRATOS_PG_LAYOUT must be shared/)
    for (const storage of opened.splice(0)) await storage.close()
    await other.drop()
  })

  it('is refused by a program that is older than its tables', async () => {
    await (await open(database.url)).enrollments.count()
    await sql(database.url, 'update stratos.schema_version set version = 99')
    await expect(open(database.url)).rejects.toThrow(/version 99/)
  })

  it('needs the right to create schemas, and says so', async () => {
    const user = `user_${new URL(database.url).pathname.slice(1)}`
    const [, , name] = ['', '', new URL(database.url).pathname.slice(1)]
    await sql(
      database.url,
      `create user ${user} password 'secret'`,
      `revoke create on database ${name} from public`,
    )
    const url = new URL(database.url)
    url.username = user
    url.password = 'secret'
    const attempt = (layout: 'schema' | 'shared') => open(url.href, layout)
    await expect(attempt('schema')).rejects.toThrow(
      /may not create schema "stratos".*GRANT CREATE ON DATABASE/,
    )
    // An administrator may make the schemas beforehand; then one layout works and the other does not.
    await sql(database.url, 'create schema stratos', 'create schema actors')
    await expect(attempt('shared')).rejects.toThrow(/GRANT USAGE, CREATE ON SCHEMA stratos/)
    await sql(database.url, `grant usage, create on schema stratos, actors to ${user}`)
    await expect(attempt('schema')).rejects.toThrow(/STRATOS_PG_LAYOUT=shared/)
    await newActor((await attempt('shared')).actors)
    for (const storage of opened.splice(0)) await storage.close()
    await database.drop()
    database = await createDatabase()
    await sql(database.url, `drop user ${user}`)
  })

  it('is not found where there is none, and the reason is told without the password', async () => {
    const url = new URL(database.url)
    const failure = async (change: (url: URL) => void): Promise<string> => {
      const other = new URL(url)
      change(other)
      return open(other.href).then(
        () => 'opened',
        (err: Error) => `${err.message} ${JSON.stringify(err.cause)}`,
      )
    }
    expect(await failure((other) => (other.pathname = '/nowhere'))).toMatch(
      /database nowhere .*does not exist/,
    )
    expect(await failure((other) => (other.port = '1'))).toMatch(/127\.0\.0\.1:1 .*ECONNREFUSED/)
    const wrong = await failure((other) => (other.password = 'not-the-password'))
    expect(wrong).toMatch(/password authentication failed/)
    expect(wrong).not.toContain('not-the-password')
    const strict = await failure((other) => other.searchParams.set('sslmode', 'require'))
    expect(strict).toMatch(/sslmode require: .*does not support SSL/)
    expect(await failure((other) => other.searchParams.set('sslmode', 'prefer'))).toBe('opened')
  })
})

describe.each(['schema', 'shared'] as const)('several instances over one database, layout %s', (layout) => {
  let database: Awaited<ReturnType<typeof createDatabase>>
  let one: Storage
  let two: Storage
  beforeEach(async () => {
    database = await createDatabase()
    ;[one, two] = await Promise.all([open(database.url, layout), open(database.url, layout)])
  })
  afterEach(async () => {
    for (const storage of opened.splice(0)) await storage.close()
    await database.drop()
  })

  it('create an actor once, with one key', async () => {
    const did = newDid()
    await Promise.all([one, two, one, two].map(({ actors }) => actors.create(did)))
    const keys = await Promise.all([one, two, one, two].map(({ actors }) => actors.signingKey(did)))
    expect(new Set(keys.map((key) => key.did())).size).toBe(1)
  })

  it('take turns at an actor, and see what the other has written at once', async () => {
    const did = await newActor(one.actors)
    const writes = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? one : two).actors.transact(did, async ({ events }) => {
        const last = await events.latestSeq()
        await events.append(Buffer.from(String(last)), 0)
      }),
    )
    await Promise.all(writes)
    const events = await two.actors.read(did, (stores) => stores.events.listAfter(0, 100))
    expect(events.map(({ seq, body }) => [seq, Buffer.from(body).toString()])).toEqual(
      Array.from({ length: 30 }, (_, index) => [index + 1, String(index)]),
    )
  })

  it('find an actor gone that the other has destroyed, and anew with nothing of the old', async () => {
    const did = await newActor(one.actors)
    const oldKey = (await two.actors.signingKey(did)).did()
    await two.actors.transact(did, ({ events }) => events.append(Buffer.from('old'), 0))
    await one.actors.destroy(did)
    const notFound = expect.objectContaining({ code: 'RepoNotFound' })
    await expect(two.actors.transact(did, async () => 1)).rejects.toEqual(notFound)

    await one.actors.create(did)
    expect(await two.actors.transact(did, ({ events }) => events.latestSeq())).toBe(0)
    clock.nowMs += 5_001
    expect(await two.actors.read(did, ({ events }) => events.latestSeq())).toBe(0)
    expect((await two.actors.signingKey(did)).did()).not.toBe(oldKey)
  })

  it('lock a key for one piece of work at a time, also after one of them has failed', async () => {
    const order: string[] = []
    const work = (name: string) => async () => {
      order.push(`${name} begins`)
      await new Promise((resolve) => setImmediate(resolve))
      order.push(`${name} ends`)
    }
    await Promise.all([one.sharedLock.run('a', work('one')), two.sharedLock.run('a', work('two'))])
    expect(order[0]?.split(' ')[0]).toBe(order[1]?.split(' ')[0])
    const failure = one.sharedLock.run('a', async () => {
      throw new Error('no')
    })
    await expect(failure).rejects.toThrow('no')
    expect(await two.sharedLock.run('a', async () => 'free')).toBe('free')
  })

  it('hold many locks at once without keeping each other from the tables', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
    const counts = keys.map((key) => one.sharedLock.run(key, () => one.enrollments.count()))
    expect(await Promise.all(counts)).toEqual(keys.map(() => 0))
  })
})

describe('what Postgres refuses', () => {
  it('is an invalid request where text has the character NUL', async () => {
    const database = await createDatabase()
    const { oauthStates } = await open(database.url)
    await expect(oauthStates.get('a\0b')).rejects.toMatchObject({ code: 'InvalidRequest' })
    for (const storage of opened.splice(0)) await storage.close()
    await database.drop()
  })

  it('is told without what the rows contained', async () => {
    const database = await createDatabase()
    const { actors } = await open(database.url)
    const did = await newActor(actors)
    await sql(database.url, `alter table actor_1.event add check (octet_length(body) < 3)`)
    const failure = await actors
      .transact(did, ({ events }) => events.append(Buffer.from('private words'), 0))
      .then(
        () => null,
        (err: unknown) => err,
      )
    expect(failure).toMatchObject({ name: 'PostgresError', code: '23514' })
    const told = JSON.stringify(failure, Object.getOwnPropertyNames(failure))
    expect(told).toContain('event_body_check')
    expect(told).not.toContain('private')
    expect(told).not.toContain(Buffer.from('private').toString('hex'))
    for (const storage of opened.splice(0)) await storage.close()
    await database.drop()
  })
})

describe('a server that goes away', () => {
  it('makes requests fail as unavailable, and is used again when it is back', async () => {
    const server = await startPostgres()
    const url = await server.createDatabase('stratos')
    const { actors, enrollments, check } = await open(url)
    const did = await newActor(actors)
    // Ends every connection, as a restart does, without giving up the port.
    const kick = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stratos'`

    const began = Promise.withResolvers<void>()
    const kicked = Promise.withResolvers<void>()
    const write = actors.transact(did, async ({ events }) => {
      await events.latestSeq()
      began.resolve()
      await kicked.promise
      return events.append(Buffer.from('lost'), 0)
    })
    await began.promise
    await sql(url, kick)
    kicked.resolve()
    await expect(write).rejects.toEqual(UNAVAILABLE)
    expect(await actors.transact(did, ({ events }) => events.append(Buffer.from('kept'), 0))).toBe(1)

    await server.close()
    await expect(enrollments.count()).rejects.toEqual(UNAVAILABLE)
    await expect(actors.transact(did, async () => 1)).rejects.toEqual(UNAVAILABLE)
    expect(await check()).toBe('failed')
  })
})
