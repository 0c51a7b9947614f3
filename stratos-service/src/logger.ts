import pino, { type Logger } from 'pino'

export type { Logger }

/** Paths whose values never reach a log line, wherever a caller puts them. */
const SECRETS = ['authorization', 'dpop', 'cookie', 'password', 'token', 'serviceAuth', 'syncToken'].flatMap(
  (key) => [key, `*.${key}`, `*.*.${key}`],
)

/** JSON lines on standard output. Log DIDs and URIs; never record contents, tokens or keys. */
export function createLogger(level: string): Logger {
  return pino({ level, base: undefined, redact: SECRETS, timestamp: pino.stdTimeFunctions.isoTime })
}
