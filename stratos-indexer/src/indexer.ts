import { sql } from 'kysely'
import { openAppview } from './appview/open-appview.ts'
import type { Config } from './config.ts'
import { startHealthServer } from './health.ts'
import { openResolver } from './identity/open-resolver.ts'
import { OwnIdentity } from './identity/own-identity.ts'
import { createSafeFetch } from './identity/safe-fetch.ts'
import { ServiceClient } from './identity/service-client.ts'
import { findServicePlace, type ServicePlace } from './identity/service-place.ts'
import type { Logger } from './logger.ts'
import { Metrics } from './metrics.ts'
import { followProvider } from './pds/follow-provider.ts'
import { keepHandles } from './pds/handles.ts'
import { ActorStreams } from './stream/actor-streams.ts'
import { Backoff } from './stream/backoff.ts'
import { ServiceStream } from './stream/service-stream.ts'
import { awaitDatabase } from './tables/await-database.ts'
import type { Database } from './tables/database.ts'

/** A running indexer. */
export interface Indexer {
  readonly database: Database
  /** Port of the health server. */
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts following everything that the configuration names. The only place that puts parts together.
 *
 * @throws {Error} if the database cannot be opened or the port is taken; services may come and go
 */
export async function startIndexer(config: Config, logger: Logger): Promise<Indexer> {
  for (const warning of config.warnings) logger.warn(warning)
  const metrics = new Metrics()
  const stopped = new AbortController()
  const { signal } = stopped
  const identity = await OwnIdentity.open(config.identity)
  const fetch = createSafeFetch(config)
  const resolver = openResolver({ plcUrl: config.plcUrl, fetch })
  const backoff = new Backoff(config.reconnect, signal)
  const database = await awaitDatabase(config.database, { backoff, logger })

  const streams = new Map<string, { readonly isConnected: boolean } | null>(
    config.services.map((url) => [url, null]),
  )
  const state = async () => ({
    database: await answers(database),
    streams: Object.fromEntries([...streams].map(([url, stream]) => [url, stream?.isConnected ?? false])),
  })
  const places: ServicePlace[] = []
  const common = { config, database, resolver, fetch, places: () => places, metrics, logger, signal }
  const api = config.api === null ? null : await openAppview(config.api, { ...common, identity })
  const didDocument = identity.document(api !== null)
  const health = await startHealthServer(config.health, { state, metrics, didDocument, api })
  logger.info({ did: identity.did, port: health.port }, 'the indexer runs')

  const followService = async (url: string): Promise<void> => {
    const place = await findPlace(url)
    if (place === null) return
    places.push(place)
    const client = new ServiceClient(place, identity, signal)
    const parts = { config, database, identity, client, logger, metrics, signal }
    const stream = config.streams === 'actors' ? new ActorStreams(parts) : new ServiceStream(parts)
    streams.set(url, stream)
    await stream.run()
  }
  const findPlace = async (url: string): Promise<ServicePlace | null> => {
    const backoff = new Backoff(config.reconnect, signal)
    while (!signal.aborted) {
      try {
        return await findServicePlace(url, { fetch, resolver })
      } catch (err) {
        logger.warn({ err, service: url }, 'a service cannot be found')
        await backoff.wait()
      }
    }
    return null
  }
  const { handleResolver, atOnce, repoProvider } = config
  const running: Promise<unknown>[] = [
    ...config.services.map((url) => followService(url)),
    keepHandles({ ...common, handleResolver, atOnce }),
  ]
  if (repoProvider !== null) {
    const { firehose, ended } = followProvider(repoProvider, common)
    streams.set(repoProvider, firehose)
    running.push(ended)
  }

  return {
    database,
    port: health.port,
    close: async () => {
      stopped.abort()
      await Promise.all(running)
      await health.close()
      await database.close()
    },
  }
}

async function answers({ db }: Database): Promise<boolean> {
  try {
    await sql`select 1`.execute(db)
    return true
  } catch {
    // That it does not answer is the answer.
    return false
  }
}
