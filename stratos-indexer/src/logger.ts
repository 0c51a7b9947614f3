import pino, { type Logger } from 'pino'

export type { Logger }

const SECRETS = ['authorization', 'token', 'syncToken', 'url.search'].flatMap((key) => [key, `*.${key}`])

/** JSON lines on standard output. Log DIDs, URIs and positions; never contents or tokens. */
export function createLogger(level: string): Logger {
  return pino({ level, base: undefined, redact: SECRETS, timestamp: pino.stdTimeFunctions.isoTime })
}
