import { randomBytes } from 'node:crypto'
import { buildConfig, type Config } from '../config/config.ts'
import { ConfigError, readEnv } from '../config/env.ts'
import { createLogger } from '../logger.ts'
import { startService } from '../service.ts'
import { AdminClient } from './admin-client.ts'
import { CliError, EXIT } from './cli-error.ts'

/**
 * Runs the service within this process, for this process alone: on a port of its own, with a password that nobody else
 * knows, and without doing any of the work that waits. So there is one way in which operators change things.
 *
 * @throws {CliError} if the configuration or the data cannot be used
 */
export async function openDirect(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly client: AdminClient } & AsyncDisposable> {
  const config = readConfig(env)
  const password = randomBytes(32).toString('hex')
  const alone: Config = {
    ...config,
    server: { ...config.server, host: '127.0.0.1', port: 0, trustedProxies: 0 },
    access: { ...config.access, adminPassword: password },
  }
  // Databases and blobs are for this account alone, whatever the shell's default.
  process.umask(0o077)
  try {
    const service = await startService(alone, createLogger('silent'), { background: false })
    return {
      client: new AdminClient(`http://127.0.0.1:${service.port}`, password),
      [Symbol.asyncDispose]: () => service.close(),
    }
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err)
    const advice = reason.includes('in use by another process') ? '\nTalk to it with --url instead.' : ''
    throw new CliError(EXIT.unreachable, `${reason}${advice}`, { cause: err })
  }
}

/** @throws {CliError} */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  try {
    return buildConfig(readEnv(env))
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err
    throw new CliError(
      EXIT.usage,
      `${err.message}\nSet the variables that the service runs with, or name a running service with --url.`,
    )
  }
}
