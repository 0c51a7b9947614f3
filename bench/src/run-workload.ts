import { startNetwork, type Network } from 'test-network'
import { HttpReadFloor } from './floors/http-read-floor.ts'
import type { Floor } from './floors/floor.ts'
import { PostgresWriteFloor } from './floors/postgres-write-floor.ts'
import { SqliteWriteFloor } from './floors/sqlite-write-floor.ts'
import { LoadProcess } from './load/load-process.ts'
import type { Inspector } from './profile/inspector.ts'
import type { CpuProfile } from './profile/cpu-profile.ts'
import { buildReport, type Report } from './report.ts'
import { runRounds, type Watch } from './rounds.ts'
import { enrollUsers } from './users.ts'
import type { Workload } from './workloads/workload.ts'

/** Database of the service. */
export type StorageName = 'sqlite' | 'postgres'

export interface RunOptions {
  readonly storage: StorageName
  readonly rounds: number
  /** Length of the load in each round. */
  readonly seconds: number
  /** Keeps the network, and with it the enrolled users, for the next run. */
  readonly dataDir: string | undefined
  /** Profiles the service during the load of the last round. */
  readonly inspector: Inspector | undefined
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

export interface RunResult {
  readonly report: Report
  readonly profile: { readonly profile: CpuProfile; readonly operations: number } | null
}

/** Limits that are there to be met by people, not by a load. The short window keeps the limiter's own memory small. */
const UNLIMITED = { STRATOS_WRITE_RATE_MAX_WRITES: '1000000', STRATOS_WRITE_RATE_WINDOW_MS: '100' }

/**
 * Starts a whole network, drives the service over HTTP with signed requests of enrolled users, and measures it next to
 * the floors.
 *
 * @throws {Error} if a part does not start or a request fails
 */
export async function runWorkload(workload: Workload, options: RunOptions): Promise<RunResult> {
  const { say, seconds, signal } = options
  const closers: (() => Promise<void>)[] = []
  const opened = <T extends { close(): Promise<void> }>(part: T): T => {
    closers.push(() => part.close())
    return part
  }
  try {
    const network = opened(
      await startNetwork({
        dataDir: options.dataDir,
        storage: options.storage,
        log: say,
        signal,
        serviceEnv: {
          ...UNLIMITED,
          STRATOS_LOG_LEVEL: 'warn',
          STRATOS_STUBS: workload.stubs,
          ...options.inspector?.env,
        },
      }),
    )
    const users = await enrollUsers(network, workload.users, say)
    const { serviceUrl, serviceDid, pdsUrl } = network
    const load = opened(new LoadProcess())
    say(`preparing ${workload.name} …`)
    await load.open({ workload: workload.name, network: { serviceUrl, serviceDid, pdsUrl }, users })
    const write = opened(await openWriteFloor(network))
    const read = opened(await HttpReadFloor.open(load, workload.connections))
    const parts = { network, load, floors: { write, read }, workload, seconds }

    say('warming up …')
    let profile: RunResult['profile'] = null
    const recordInto =
      (inspector: Inspector): Watch =>
      async (run) => {
        const recorded = await inspector.record(run)
        profile = { profile: recorded.profile, operations: recorded.result.latenciesMs.length }
        return recorded.result
      }
    const rounds = await runRounds(parts, options.rounds, (round) => {
      signal.throwIfAborted()
      say(`round ${round} of ${options.rounds} …`)
      const { inspector } = options
      return inspector !== undefined && round === options.rounds ? recordInto(inspector) : (run) => run()
    })
    return { report: buildReport(workload, options.storage, seconds, rounds), profile }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function openWriteFloor({ directory, postgresUrl }: Network): Promise<Floor> {
  return postgresUrl === null ? new SqliteWriteFloor(directory) : PostgresWriteFloor.open(postgresUrl)
}
