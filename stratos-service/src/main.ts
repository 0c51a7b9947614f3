import { buildConfig } from './config/config.ts'
import { ConfigError, readEnv } from './config/env.ts'
import { createLogger } from './logger.ts'
import { startService } from './service.ts'
import { explainStartFailure } from './start-failure.ts'

/** Runs the service until it is told to stop. An unusable configuration ends the process with status 1. */
const config = readConfig()
// Databases and blobs are for this account alone, whatever the shell's default.
process.umask(0o077)
const logger = createLogger(config.server.logLevel)
const service = await startService(config, logger).catch((err: unknown) => {
  const reason = explainStartFailure(err, config)
  logger.fatal(reason === null ? { err } : { reason }, 'could not start')
  process.exit(1)
})

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopped.signal.aborted) return
    stopped.abort()
    logger.info({ signal }, 'stopping')
    service.close().then(
      () => logger.info('stopped'),
      (err: unknown) => {
        logger.fatal({ err }, 'could not stop cleanly')
        process.exit(1)
      },
    )
  })
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
