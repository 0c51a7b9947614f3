import { join } from 'node:path'
import { readConfig, startIndexer, type DatabaseSettings } from 'stratos-indexer'
import { pino } from 'pino'

/** Starts an indexer in this process. @param services addresses, all on this machine */
export async function openIndexer(
  services: readonly string[],
  database: DatabaseSettings,
  directory: string,
): Promise<Awaited<ReturnType<typeof startIndexer>>> {
  const config = readConfig({
    STRATOS_SERVICE_URL: services.join(','),
    STRATOS_INDEXER_DID: 'did:web:indexer.example',
    STRATOS_INDEXER_HOST: '127.0.0.1',
    HEALTH_PORT: '0',
    STRATOS_INDEXER_KEY_FILE: join(directory, 'key'),
    STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
  })
  return startIndexer({ ...config, database }, pino({ level: 'silent' }))
}
