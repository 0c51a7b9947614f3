import type { Actors, Feeds, ReplayStore, WriteRate, WriteRateLimiter } from 'stratos-core'
import type { StorageSettings } from '../config/config.ts'
import type { SecretForm, Vault } from '../config/vault.ts'
import { createLogger, type Logger } from '../logger.ts'
import type { KeptKey } from './kept-key.ts'
import { openPostgresStorage } from './postgres-storage.ts'
import type { serviceStores } from './service-stores.ts'
import { openSqliteStorage } from './sqlite-storage.ts'

/** All stores of a service, and what else its instances have to share. */
export interface Storage extends ReturnType<typeof serviceStores> {
  readonly actors: Actors
  readonly feeds: Feeds
  readonly replays: ReplayStore
  /** For further secrets of the service. */
  readonly vault: Vault
  /** In which forms secrets may be kept here. */
  readonly secretForms: readonly SecretForm[]
  /** Signs attestations. */
  readonly serviceKey: KeptKey
  /** Says to authorization servers who this client is. */
  readonly clientKey: KeptKey
  /** Brings every secret into the form in which the vault writes. @returns how many had another */
  rewrap(): Promise<number>
  /** Makes the DPoP nonces of all instances; null where this process is the only one. */
  readonly nonceSecret: Uint8Array | null
  /** Signs the cursors of all instances. */
  readonly cursorSecret: Uint8Array
  /** Lets one piece of work at a time at each key on all instances, such as refreshing a user's OAuth tokens. */
  readonly sharedLock: { run<T>(key: string, work: () => Promise<T>): Promise<T> }
  writeRateLimiter(rate: WriteRate): WriteRateLimiter
  /** Leaves nothing of what was deleted in the log of the service's database, as far as the log is a file of ours. */
  scrub(): Promise<void>
  close(): Promise<void>
}

/** @throws {Error} saying why, if the database or the data directory cannot be used */
export async function openStorage(
  settings: StorageSettings,
  nowMs: () => number,
  logger: Logger = createLogger('silent'),
): Promise<Storage> {
  return settings.backend === 'postgres'
    ? openPostgresStorage(settings, nowMs, logger)
    : openSqliteStorage(settings, nowMs, logger)
}
