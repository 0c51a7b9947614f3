import type { Logger } from '../logger.ts'
import type { Backoff } from '../stream/backoff.ts'
import { openDatabase, type Database, type DatabaseSettings } from './database.ts'

const ATTEMPTS = 30
/** Of the server and of the network: nobody is there, or not yet, or not any more. */
const AWAY = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|57P0[123]|08\w{3})$/

/**
 * Opens the database, and waits for a server that is away: it may be starting at the same time.
 *
 * @throws {Error} what else is wrong, at once; that nobody is there, after 30 attempts
 */
export async function awaitDatabase(
  settings: DatabaseSettings,
  { backoff, logger }: { readonly backoff: Backoff; readonly logger: Logger },
): Promise<Database> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await openDatabase(settings)
    } catch (err) {
      if (attempt === ATTEMPTS || !isAway(err)) throw err
      logger.warn({ err }, 'the database is away')
      await backoff.wait()
    }
  }
}

function isAway(err: unknown): boolean {
  if (!(err instanceof Error)) return false
  if ('code' in err && AWAY.test(String(err.code))) return true
  return /^Connection terminated|timeout exceeded when trying to connect/.test(err.message)
}
