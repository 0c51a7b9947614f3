import pino, { type Logger } from 'pino'

export type { Logger }

/** Paths whose values never reach a log line, wherever a caller puts them. */
const SECRETS = ['authorization', 'dpop', 'cookie', 'password', 'token', 'serviceAuth', 'syncToken'].flatMap(
  (key) => [key, `*.${key}`, `*.*.${key}`],
)

/**
 * What an error and its causes say, in one line. For errors of libraries that carry what was sent: commands with their
 * arguments, passwords among them.
 */
export function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return String(err)
  return err.cause === undefined ? err.message : `${err.message}: ${reasonOf(err.cause)}`
}

/** JSON lines on standard output. Log DIDs and URIs; never record contents, tokens or keys. */
export function createLogger(level: string): Logger {
  return pino({ level, base: undefined, redact: SECRETS, timestamp: pino.stdTimeFunctions.isoTime })
}
