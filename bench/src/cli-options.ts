import { parseArgs } from 'node:util'
import type { StorageName } from './run-workload.ts'
import { findWorkload, WORKLOADS } from './workloads/catalog.ts'
import type { Workload } from './workloads/workload.ts'

export const HELP = `Measures the Stratos service over HTTP, next to what this machine could do at best.

Usage: npm run bench -- WORKLOAD [options]

  --storage NAME    database of the service: sqlite (default), or postgres, a server of its own
  --stubs MODE      whether the service keeps public stubs meanwhile: full or off
                    (default: as the workload says, see --list)
  --rounds N        how often floors and workload take turns (default 5)
  --seconds S       length of the load in each round, up to 20 (default 1)
  --data-dir DIR    keep the network in DIR: the next run with it has its users already,
                    and all records that this one wrote
  --profile FILE    write a CPU profile of the service in the last round to FILE
  --json            print the JSON line only
  --list            list the workloads
  --help            show this text

One line of JSON goes to standard output, a table and everything else to standard error.
`

/** Signed requests are made before a round, and a proof lives for a minute. */
const MAX_SECONDS = 20

export interface BenchOptions {
  readonly action: 'run'
  readonly workload: Workload
  readonly storage: StorageName
  readonly rounds: number
  readonly seconds: number
  readonly dataDir: string | undefined
  /** Name of the file. */
  readonly profile: string | undefined
  readonly json: boolean
}

export type CliOptions = { readonly action: 'help' } | { readonly action: 'list' } | BenchOptions

/** A mistake in the command line, to be shown without a stack. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** @throws {UsageError} */
export function parseCliOptions(args: readonly string[]): CliOptions {
  const { values, positionals } = parse(args)
  if (values.help) return { action: 'help' }
  if (values.list) return { action: 'list' }
  const [name, ...more] = positionals
  if (name === undefined) throw new UsageError('name a workload')
  if (more.length > 0) throw new UsageError(`one workload at a time; "${more.join(' ')}" is too much`)
  const workload = findWorkload(name)
  if (workload === null) throw new UsageError(`there is no workload "${name}"`)
  return {
    action: 'run',
    workload: { ...workload, stubs: parseStubs(values.stubs) ?? workload.stubs },
    storage: parseStorage(values.storage),
    rounds: parseRounds(values.rounds),
    seconds: parseSeconds(values.seconds),
    dataDir: values['data-dir'],
    profile: values.profile,
    json: values.json,
  }
}

export function formatList(): string {
  const width = Math.max(...WORKLOADS.map(({ name }) => name.length)) + 2
  const lines = WORKLOADS.map(({ name, aliases = [], summary, stubs }) => {
    const notes = [...aliases.map((alias) => `also ${alias}`), ...(stubs === 'full' ? ['stubs full'] : [])]
    return `${name.padEnd(width)}${summary}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`
  })
  return `${lines.join('\n')}\n`
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        storage: { type: 'string', default: 'sqlite' },
        stubs: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '1' },
        'data-dir': { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (err) {
    if (err instanceof TypeError) throw new UsageError(err.message, { cause: err })
    throw err
  }
}

function parseStorage(raw: string): StorageName {
  if (raw === 'sqlite' || raw === 'postgres') return raw
  throw new UsageError(`--storage must be sqlite or postgres, not ${raw}`)
}

function parseStubs(raw: string | undefined): Workload['stubs'] | undefined {
  if (raw === undefined || raw === 'full' || raw === 'off') return raw
  throw new UsageError(`--stubs must be full or off, not ${raw}`)
}

function parseRounds(raw: string): number {
  const rounds = Number(raw)
  if (!/^\d+$/.test(raw) || rounds < 1 || rounds > 1000) {
    throw new UsageError(`--rounds must be a number from 1 to 1000, not ${raw}`)
  }
  return rounds
}

function parseSeconds(raw: string): number {
  const seconds = Number(raw)
  if (!/^\d+(\.\d+)?$/.test(raw) || seconds <= 0 || seconds > MAX_SECONDS) {
    throw new UsageError(`--seconds must be above 0 and at most ${MAX_SECONDS}, not ${raw}`)
  }
  return seconds
}
