#!/usr/bin/env node
import { ConfigError, readConfig, type Config } from './config.ts'
import { startIndexer } from './indexer.ts'
import { createLogger } from './logger.ts'
import { replayDeadLetters } from './replay-dead-letters.ts'

const USAGE = `stratos-indexer [serve]              follows the services until it is told to stop
stratos-indexer replay-dead-letters  has the repos read again that sent what could not be used
`

const [command = 'serve', ...more] = process.argv.slice(2)
if (more.length > 0 || !['serve', 'replay-dead-letters'].includes(command)) {
  process.stderr.write(USAGE)
  process.exit(2)
}
const config = readSettings()
// The database and the key are for this account alone, whatever the shell's default.
process.umask(0o077)
const logger = createLogger(config.logLevel)
await (command === 'serve' ? serve() : replayDeadLetters(config, logger)).catch((err: unknown) => {
  logger.fatal({ err }, 'could not go on')
  process.exit(1)
})

async function serve(): Promise<void> {
  const indexer = await startIndexer(config, logger)
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      logger.info({ signal: name }, 'stopping')
      indexer.close().then(
        () => process.exit(0),
        (err: unknown) => {
          logger.fatal({ err }, 'could not stop cleanly')
          process.exit(1)
        },
      )
    })
  }
}

function readSettings(): Config {
  try {
    return readConfig(process.env)
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err
    process.stderr.write(`${err.message}\n`)
    process.exit(1)
  }
}
