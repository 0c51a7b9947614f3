import { buildConfig } from './config/config.ts'
import { ConfigError, readEnv } from './config/env.ts'
import { createLogger } from './logger.ts'
import { startService } from './service.ts'

/** Runs the service until it is told to stop. An unusable configuration ends the process with status 1. */
export async function main(): Promise<void> {
  const config = readConfig()
  // Databases and blobs are for this account alone, whatever the shell's default.
  process.umask(0o077)
  const logger = createLogger(config.server.logLevel)
  const service = await startService(config, logger)
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping')
    void service.close().then(() => logger.info('stopped'))
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

function readConfig() {
  try {
    return buildConfig(readEnv(process.env))
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err
    process.stderr.write(`${err.message}\n`)
    process.exit(1)
  }
}

if (import.meta.main) await main()
