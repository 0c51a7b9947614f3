import { parseArgs } from 'node:util'

export const HELP = `Runs a PLC directory, a PDS, the Stratos service, an indexer and the web app on this machine's loopback address,
with the accounts alice.test, bob.test and carol.test.

Usage: npm start -- [options]

  --port-base N     use ports N to N+4 for PLC, PDS, service, web app and indexer
                    (default: 3100 to 3104 when they are free, else any free ones)
  --data-dir DIR    keep everything in DIR, to go on with it next time on the same ports;
                    the PLC directory keeps a journal of its operations there
                    (default: a temporary directory that is removed at the end)
  --storage NAME    database of service and indexer: sqlite (default) or postgres, a server of its own
                    that keeps its data in DIR as well
  --layout NAME     how the actors lie in a postgres database: schema (default), a schema for
                    each of them, or shared, one schema for all
  --no-webapp       leave out the web app
  --no-indexer      leave out the indexer; the web app has no timeline then
  --appview DID     let an AppView of yours read from the service, as the indexer may; can be repeated
  --enrolled        enroll the three accounts: alice and bob get the boundaries general
                    and writers, carol gets other
  --json            print one line of JSON on standard output when all is ready;
                    everything else goes to standard error
  --verbose         show everything the service logs, not only warnings
  --help            show this text
`

export interface CliOptions {
  readonly help: boolean
  readonly portBase: number | undefined
  readonly dataDir: string | undefined
  readonly storage: 'sqlite' | 'postgres'
  readonly layout: 'schema' | 'shared' | undefined
  readonly webapp: boolean
  readonly indexer: boolean
  readonly appviews: readonly string[]
  readonly enrolled: boolean
  readonly json: boolean
  readonly verbose: boolean
}

/** A mistake in the command line, to be shown without a stack. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** @throws {UsageError} */
export function parseCliOptions(args: readonly string[]): CliOptions {
  const values = parse(args)
  const storage = oneOf('--storage', values.storage, ['sqlite', 'postgres'])
  const layout =
    values.layout === undefined ? undefined : oneOf('--layout', values.layout, ['schema', 'shared'])
  if (layout !== undefined && storage !== 'postgres')
    throw new UsageError('--layout needs --storage postgres')
  return {
    help: values.help,
    portBase: parsePortBase(values['port-base']),
    dataDir: values['data-dir'],
    storage,
    layout,
    webapp: !values['no-webapp'],
    indexer: !values['no-indexer'],
    appviews: values.appview.map(parseAppview),
    enrolled: values.enrolled,
    json: values.json,
    verbose: values.verbose,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'port-base': { type: 'string' },
        'data-dir': { type: 'string' },
        storage: { type: 'string', default: 'sqlite' },
        layout: { type: 'string' },
        'no-webapp': { type: 'boolean', default: false },
        'no-indexer': { type: 'boolean', default: false },
        appview: { type: 'string', multiple: true, default: [] },
        enrolled: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (err) {
    if (err instanceof TypeError) throw new UsageError(err.message, { cause: err })
    throw err
  }
}

function oneOf<const T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === given)
  if (found === undefined) throw new UsageError(`${name} must be ${allowed.join(' or ')}, not ${given}`)
  return found
}

function parseAppview(raw: string): string {
  if (!/^did:[a-z]+:[\w.%:-]+$/.test(raw)) throw new UsageError(`--appview must be a DID, not ${raw}`)
  return raw
}

function parsePortBase(raw: string | undefined): number | undefined {
  if (raw === undefined) return undefined
  const port = Number(raw)
  if (!/^\d+$/.test(raw) || port < 1024 || port > 65_531) {
    throw new UsageError(`--port-base must be a number from 1024 to 65531, not ${raw}`)
  }
  return port
}
