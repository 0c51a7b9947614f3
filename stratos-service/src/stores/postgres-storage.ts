import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Kysely } from 'kysely'
import { StratosError, type WriteRate } from 'stratos-core'
import type { PostgresSettings } from '../config/postgres.ts'
import { Vault, type MasterKeys } from '../config/vault.ts'
import { SharedWriteRateLimiter } from '../limits/shared-write-rate-limiter.ts'
import type { Logger } from '../logger.ts'
import { rewrapActorKeys } from './actor-key.ts'
import { AdvisoryLock } from './advisory-lock.ts'
import { POSTGRES } from './dialect.ts'
import { KeyRow } from './kept-key.ts'
import type { Storage } from './open-storage.ts'
import { PostgresActors } from './postgres-actors.ts'
import { prepareSchemas, SERVICE_SCHEMA } from './postgres-database.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { openPostgresFeeds } from './postgres-feeds.ts'
import { SCHEMA_PER_ACTOR, SHARED } from './postgres-layout.ts'
import { chooseSsl, openClient, openPool, type PoolOptions, type PoolSsl } from './postgres-pool.ts'
import { SqlReplayStore } from './replay-store.ts'
import type { PostgresTables } from './schema.ts'
import { rewrapAll } from './rewrap.ts'
import { SecretForms } from './secret-forms.ts'
import { SecretStore } from './secret-store.ts'
import { serviceStores } from './service-stores.ts'
import { SqlWriteRates } from './write-rate-store.ts'

/** Each is held by an export for as long as somebody takes to read it. */
const MAX_SNAPSHOTS = 8
const REPORT_EVERY_MS = 5_000

/**
 * Opens the stores in a Postgres database, which any number of instances may share.
 *
 * @throws {Error} saying why, if the database cannot be used
 */
export async function openPostgresStorage(
  settings: {
    readonly dataDir: string
    readonly postgres: PostgresSettings
    readonly masterKeys: MasterKeys
  },
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
  const snapshots = connect.pool({ max: MAX_SNAPSHOTS, durable: false, patient: false })
  const tables = service.withSchema(SERVICE_SCHEMA)
  const fleetingTables = fleeting.withSchema(SERVICE_SCHEMA)
  const layout = postgres.layout === 'shared' ? SHARED : SCHEMA_PER_ACTOR
  const closeDatabases = async () => {
    await Promise.all([repos, service, fleeting, snapshots].map((db) => db.destroy()))
  }
  const vault = new Vault(settings.masterKeys)
  const forms = new SecretForms(tables)
  const secretForms = await forms.admit(vault).catch(async (err: unknown) => {
    await closeDatabases()
    throw err
  })
  const {
    feeds,
    grown,
    close: closeFeeds,
  } = await openPostgresFeeds({
    service: tables,
    connect: () => connect.client(),
    logger,
  })
  const secrets = new SecretStore(tables)
  const stores = serviceStores(tables, POSTGRES, vault, nowMs)
  const actors = new PostgresActors({ db: repos, snapshots, layout, vault, grown, nowMs })
  const fileOf = (name: string) => join(settings.dataDir, name)
  const serviceKey = new KeyRow(secrets, 'service-key', vault, fileOf('signing_key'))
  const clientKey = new KeyRow(secrets, 'client-key', vault, fileOf('oauth_client_key'))
  return {
    ...stores,
    actors,
    vault,
    secretForms,
    serviceKey,
    clientKey,
    rewrap: () =>
      rewrapAll(vault, forms, [
        async () => Number(await serviceKey.rewrap()),
        async () => Number(await clientKey.rewrap()),
        () => stores.oauthStates.rewrap(),
        () => stores.oauthSessions.rewrap(),
        () => rewrapActorKeys(tables, (did) => actors.rewrapKey(did)),
      ]),
    feeds,
    replays: new SqlReplayStore(fleetingTables, nowMs),
    nonceSecret: await secrets.getOrCreate('dpop-nonce'),
    cursorSecret: await secrets.getOrCreate('cursor'),
    sharedLock: new AdvisoryLock(service, Math.floor(adminPoolSize / 2)),
    writeRateLimiter: (rate: WriteRate) =>
      new SharedWriteRateLimiter(new SqlWriteRates(fleetingTables, rate, nowMs), rate, nowMs),
    scrub: async () => undefined,
    close: async () => {
      await closeFeeds()
      await actors.close()
      await closeDatabases()
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
