import { chmod, mkdir } from 'node:fs/promises'
import { Kysely } from 'kysely'
import { StratosError, type WriteRate } from 'stratos-core'
import type { PostgresSettings } from '../config/postgres.ts'
import type { Logger } from '../logger.ts'
import { AdvisoryLock } from './advisory-lock.ts'
import { POSTGRES } from './dialect.ts'
import type { Storage } from './open-storage.ts'
import { PostgresActors } from './postgres-actors.ts'
import { prepareSchemas, SERVICE_SCHEMA } from './postgres-database.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { openPostgresFeeds } from './postgres-feeds.ts'
import { SCHEMA_PER_ACTOR, SHARED } from './postgres-layout.ts'
import { chooseSsl, openClient, openPool, type PoolOptions, type PoolSsl } from './postgres-pool.ts'
import { SqlReplayStore } from './replay-store.ts'
import type { PostgresTables } from './schema.ts'
import { SecretStore } from './secret-store.ts'
import { serviceStores } from './service-stores.ts'
import { SqlWriteRateLimiter } from './write-rate-store.ts'

const REPORT_EVERY_MS = 5_000

/**
 * Opens the stores in a Postgres database, which any number of instances may share.
 *
 * @throws {Error} saying why, if the database cannot be used
 */
export async function openPostgresStorage(
  settings: { readonly dataDir: string; readonly postgres: PostgresSettings },
  nowMs: () => number,
  logger: Logger,
): Promise<Storage> {
  const { postgres } = settings
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 })
  await chmod(settings.dataDir, 0o700)
  const connect = await connector(postgres, nowMs, logger)

  const setup = connect.pool({ max: 1, durable: true, patient: true })
  try {
    await prepareSchemas(setup, postgres.layout)
  } catch (err) {
    throw startFailure(postgres, err)
  } finally {
    await setup.destroy()
  }

  const { actorPoolSize, adminPoolSize } = postgres
  const repos = connect.pool({ max: actorPoolSize, durable: true, patient: false })
  const service = connect.pool({ max: adminPoolSize, durable: true, patient: false })
  // What is lost here when the server itself crashes is the memory of the last instant's signatures and writes.
  const fleeting = connect.pool({ max: Math.ceil(adminPoolSize / 2), durable: false, patient: false })
  const tables = service.withSchema(SERVICE_SCHEMA)
  const fleetingTables = fleeting.withSchema(SERVICE_SCHEMA)
  const layout = postgres.layout === 'shared' ? SHARED : SCHEMA_PER_ACTOR
  const {
    feeds,
    grown,
    close: closeFeeds,
  } = await openPostgresFeeds({
    service: tables,
    connect: () => connect.client(),
    logger,
  })
  return {
    ...serviceStores(tables, POSTGRES, nowMs),
    actors: new PostgresActors({ db: repos, layout, grown, nowMs }),
    feeds,
    replays: new SqlReplayStore(fleetingTables, nowMs),
    nonceSecret: await new SecretStore(tables).getOrCreate('dpop-nonce'),
    cursorSecret: await new SecretStore(tables).getOrCreate('cursor'),
    sharedLock: new AdvisoryLock(service, Math.floor(adminPoolSize / 2)),
    writeRateLimiter: (rate: WriteRate) => new SqlWriteRateLimiter(fleetingTables, rate, nowMs),
    close: async () => {
      await closeFeeds()
      await Promise.all([repos, service, fleeting].map((db) => db.destroy()))
    },
  }
}

async function connector(postgres: PostgresSettings, nowMs: () => number, logger: Logger) {
  let ssl: PoolSsl
  try {
    ssl = await chooseSsl(postgres)
  } catch (err) {
    throw startFailure(postgres, err)
  }
  let reportedAtMs = 0
  const report = (err: unknown) => {
    // An outage is told from time to time, not with every request that it spoils.
    if (nowMs() - reportedAtMs < REPORT_EVERY_MS) return
    reportedAtMs = nowMs()
    logger.error({ err }, 'no connection to Postgres')
  }
  return {
    pool: (options: Omit<PoolOptions, 'logger'>) =>
      new Kysely<PostgresTables>({
        dialect: postgresDialect(openPool(postgres, ssl, { ...options, logger }), report),
      }),
    client: () => openClient(postgres, ssl),
  }
}

/** Never with the password, which the settings also have. */
function startFailure({ host, port, database, user, sslMode }: PostgresSettings, err: unknown): Error {
  const cause = err instanceof StratosError ? err.cause : err
  const reason = cause instanceof Error ? cause.message || String(cause) : String(cause)
  const where = `Postgres database ${database} on ${host}:${port} as ${user}, sslmode ${sslMode}`
  return new Error(`${where}: ${reason}`, { cause })
}
