#!/usr/bin/env node
import { formatBanner } from './banner.ts'
import { HELP, parseCliOptions, UsageError, type CliOptions } from './cli-options.ts'
import { startNetwork } from './network.ts'
import { formatReadyLine } from './ready-line.ts'

const DEFAULT_PORT_BASE = 3100
/** A terminal and npm both pass a Ctrl-C on; what comes later than this was meant as a second one. */
const SAME_SIGNAL_MS = 1_000

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** @returns a signal that aborts on the first SIGINT, SIGTERM or SIGHUP; an impatient second one ends the process at once */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  let firstAtMs = 0
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) {
        firstAtMs = Date.now()
        say('stopping …')
        stop.abort()
      } else if (Date.now() - firstAtMs > SAME_SIGNAL_MS) process.exit(130)
    })
  }
  return stop.signal
}

async function run(options: CliOptions): Promise<number> {
  const signal = stopSignal()
  const stopped = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null)))
  const ports =
    options.portBase === undefined ? { preferredPortBase: DEFAULT_PORT_BASE } : { portBase: options.portBase }
  try {
    const network = await startNetwork({
      ...ports,
      dataDir: options.dataDir,
      storage: options.storage,
      layout: options.layout,
      webapp: options.webapp,
      indexer: options.indexer,
      appviews: options.appviews,
      enrolled: options.enrolled,
      minLogLevel: options.verbose ? 0 : 40,
      log: say,
      signal,
    })
    if (options.json) process.stdout.write(`${formatReadyLine(network)}\n`)
    else say(formatBanner(network))

    const ended = await Promise.race([network.crashed, stopped])
    // A Ctrl-C reaches the children too, and one of them may be quicker.
    const crash = signal.aborted ? null : ended
    if (crash !== null) say(crash)
    await network.close()
    return crash === null ? 0 : 1
  } catch (err) {
    if (signal.aborted) return 0
    throw err
  }
}

try {
  const options = parseCliOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(HELP)
  process.exitCode = options.help ? 0 : await run(options)
} catch (err) {
  say(
    err instanceof UsageError
      ? `${err.message}\nSee --help.`
      : `The network could not be started: ${formatError(err)}`,
  )
  process.exitCode = err instanceof UsageError ? 2 : 1
}

function formatError(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
