import { join } from 'node:path'
import { StratosError, type WriteRate } from 'stratos-core'
import { KeyedLock } from '../limits/keyed-lock.ts'
import { MemoryWriteRateLimiter } from '../limits/write-rate-limiter.ts'
import type { Logger } from '../logger.ts'
import { Vault, type MasterKeys } from '../config/vault.ts'
import { rewrapActorKeys } from './actor-key.ts'
import { openDataDir } from './data-dir.ts'
import { SQLITE } from './dialect.ts'
import { serviceMigrations } from './migrations/service.ts'
import { KeyFile } from './kept-key.ts'
import type { Storage } from './open-storage.ts'
import { SqlReplayStore } from './replay-store.ts'
import type { ServiceTables } from './schema.ts'
import { rewrapAll } from './rewrap.ts'
import { SecretForms } from './secret-forms.ts'
import { SecretStore } from './secret-store.ts'
import { serviceStores } from './service-stores.ts'
import { SqliteActors } from './sqlite-actors.ts'
import { emptyLog, openSqlite } from './sqlite-database.ts'
import { openSqliteFeeds } from './sqlite-feeds.ts'
import { syncFile } from './sync-file.ts'

/** Opens a data directory with a database for the service and one for each actor. No other process may use it then. */
export async function openSqliteStorage(
  settings: { readonly dataDir: string; readonly openActors: number; readonly masterKeys: MasterKeys },
  nowMs: () => number,
  logger: Logger,
  sync = syncFile,
): Promise<Storage> {
  const dataDir = await openDataDir(settings.dataDir)
  const file = join(dataDir.path, 'service.sqlite')
  const options = { file, cacheKiB: 8 * 1024, maxStatements: 200, sync }
  const db = await openSqlite<ServiceTables>(options, serviceMigrations(SQLITE))
  const vault = new Vault(settings.masterKeys)
  const forms = new SecretForms(db)
  const secretForms = await forms.admit(vault).catch(async (err: unknown) => {
    await db.destroy()
    dataDir.close()
    throw err
  })
  const { feeds, sequencer, grown } = openSqliteFeeds({
    service: db,
    readEvents: (did, after, limit) =>
      ifPresent(actors.read(did, ({ events }) => events.listIndex(after, limit))),
    findNumber: (did) => actors.findNumber(did),
    logger,
    nowMs,
  })
  const actors = new SqliteActors({
    dataDir: dataDir.path,
    service: db,
    vault,
    maxOpen: settings.openActors,
    sync,
    sequencer,
    grown,
    onError: (err) => logger.warn({ err }, 'an actor database could not be closed'),
    nowMs,
  })
  await sequencer.start()
  const leftovers = actors
    .eraseLeftovers()
    .catch((err: unknown) => logger.error({ err }, 'the logs of actor databases could not be emptied'))
  const stores = serviceStores(db, SQLITE, vault, nowMs)
  const serviceKey = new KeyFile(join(dataDir.path, 'signing_key'), 'service-key', vault)
  const clientKey = new KeyFile(join(dataDir.path, 'oauth_client_key'), 'client-key', vault)
  return {
    ...stores,
    actors,
    feeds,
    vault,
    secretForms,
    serviceKey,
    clientKey,
    rewrap: async () => {
      const rewrapped = await rewrapAll(vault, forms, [
        async () => Number(await serviceKey.rewrap()),
        async () => Number(await clientKey.rewrap()),
        () => stores.oauthStates.rewrap(),
        () => stores.oauthSessions.rewrap(),
        () => rewrapActorKeys(db, (did) => actors.rewrapKey(did)),
      ])
      await emptyLog(db)
      return rewrapped
    },
    replays: new SqlReplayStore(db, nowMs),
    nonceSecret: null,
    cursorSecret: await new SecretStore(db).getOrCreate('cursor'),
    sharedLock: new KeyedLock(),
    writeRateLimiter: (rate: WriteRate) => new MemoryWriteRateLimiter(rate, nowMs),
    scrub: async () => {
      if (!(await emptyLog(db))) throw new StratosError('ServiceUnavailable', 'the log cannot be emptied now')
    },
    close: async () => {
      await sequencer.close()
      const closed = actors.close()
      await leftovers
      await closed
      await db.destroy()
      dataDir.close()
    },
  }
}

/** null in place of an error when there is no such actor. */
async function ifPresent<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found
  } catch (err) {
    if (err instanceof StratosError && err.code === 'RepoNotFound') return null
    throw err
  }
}
