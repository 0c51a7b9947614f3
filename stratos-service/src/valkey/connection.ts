import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { reasonOf, type Logger } from '../logger.ts'

const REPORT_EVERY_MS = 30_000
const LONGEST_RETRY_MS = 2_000
const START_WITHIN_MS = 3_000

/**
 * Opens a connection to Valkey or Redis that comes back by itself. While it is away every command fails at once: whoever
 * uses it has something to fall back on, and must not wait.
 *
 * @param url `redis://`, `rediss://` (TLS) or the path of a socket
 */
export async function connectValkey(url: string, logger: Logger): Promise<Redis> {
  const connection = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: 1_000,
    retryStrategy: (times) => Math.min(times * 100, LONGEST_RETRY_MS),
  })
  let reportedAtMs = 0
  connection.on('error', (err: unknown) => {
    if (Date.now() - reportedAtMs < REPORT_EVERY_MS) return
    reportedAtMs = Date.now()
    logger.warn({ reason: reasonOf(err) }, 'no connection to Valkey; going on without it')
  })
  const connected = connection.connect().catch((err: unknown) => {
    logger.warn({ reason: reasonOf(err) }, 'Valkey cannot be reached; going on without it')
  })
  // A server that wants another password is asked for ever; the start does not wait for it.
  await Promise.race([connected, delay(START_WITHIN_MS, undefined, { ref: false })])
  return connection
}
