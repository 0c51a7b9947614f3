import type { Config } from './config.ts'
import type { Logger } from './logger.ts'
import { requestResync } from './snapshot/resync.ts'
import { openDatabase } from './tables/database.ts'

/**
 * Has the repos of all services with dead letters read again by the running indexer, or by the next one that starts. What can
 * be used now becomes rows, and its letters go.
 */
export async function replayDeadLetters(config: Config, logger: Logger): Promise<void> {
  const database = await openDatabase(config.database)
  try {
    const services = await database.db
      .selectFrom('stratos_dead_letter')
      .select('service')
      .distinct()
      .execute()
    for (const { service } of services) await requestResync(database, service, 'dead letters')
    logger.info({ services: services.length }, 'repos are read again at the next start or reconnection')
  } finally {
    await database.close()
  }
}
