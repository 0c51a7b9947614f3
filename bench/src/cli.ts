#!/usr/bin/env node
import { writeFile } from 'node:fs/promises'
import { formatList, HELP, parseCliOptions, UsageError, type BenchOptions } from './cli-options.ts'
import { openInspector } from './profile/inspector.ts'
import { formatProfile } from './profile/profile-table.ts'
import { formatTable } from './report-table.ts'
import { runWorkload } from './run-workload.ts'

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** @returns a signal that aborts on the first SIGINT or SIGTERM; the second one ends the process */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  return stop.signal
}

async function run(options: BenchOptions): Promise<void> {
  const { workload, storage, rounds, seconds, dataDir, json } = options
  const inspector = options.profile === undefined ? undefined : await openInspector()
  const { report, profile } = await runWorkload(workload, {
    storage,
    rounds,
    seconds,
    dataDir,
    inspector,
    say: json ? () => undefined : say,
    signal: stopSignal(),
  })
  if (!json) say(formatTable(report))
  if (profile !== null && options.profile !== undefined) {
    await writeFile(options.profile, JSON.stringify(profile.profile))
    if (!json) say(formatProfile(profile.profile, profile.operations))
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

try {
  const options = parseCliOptions(process.argv.slice(2))
  if (options.action === 'help') process.stdout.write(HELP)
  else if (options.action === 'list') process.stdout.write(formatList())
  else await run(options)
} catch (err) {
  say(
    err instanceof UsageError
      ? `${err.message}\nSee --help and --list.`
      : `The benchmark failed: ${formatError(err)}`,
  )
  process.exitCode = err instanceof UsageError ? 2 : 1
}

function formatError(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
