import { availableParallelism, loadavg } from 'node:os'
import type { Round } from './rounds.ts'
import type { StorageName } from './run-workload.ts'
import { median, percentile, significant } from './statistics.ts'
import type { Workload } from './workloads/workload.ts'

/** What a run found out, as it is printed. Ratios are medians over the rounds. */
export interface Report {
  readonly workload: string
  readonly storage: StorageName
  /** Whether the service wrote public stubs to the PDS meanwhile. */
  readonly stubs: Workload['stubs']
  readonly users: number
  readonly connections: number
  readonly itemsPerOperation: number
  readonly rounds: number
  readonly seconds: number
  readonly operations: number
  readonly opsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the service process, all threads; null where it cannot be read. */
  readonly cpuMsPerOp: number | null
  /** The same with what the service did afterwards, such as writing stubs. */
  readonly cpuMsPerOpUntilIdle: number | null
  readonly rssMiB: number | null
  readonly peakRssMiB: number | null
  readonly fileDescriptors: number | null
  readonly floors: {
    readonly writeMs: number
    readonly readMs: number
    /** Time per read at full throughput, over as many connections as the workload has. */
    readonly readTimeMs: number
  }
  /** The floor that the ratios are about. */
  readonly against: Workload['floor']
  /** p50 ÷ p50 of the floor. */
  readonly ratioP50: number
  /** Records read or written in the time that the floor takes for one. */
  readonly itemsPerFloorTime: number
  readonly ratiosP50: readonly number[]
  /** False if the service was still at work for an earlier round in some later one. */
  readonly settled: boolean
  readonly node: string
  readonly processors: number
  readonly loadAverage: number
}

export function buildReport(
  workload: Workload,
  storage: StorageName,
  seconds: number,
  rounds: readonly Round[],
): Report {
  const latenciesMs = rounds.flatMap(({ load }) => [...load.latenciesMs])
  const operations = latenciesMs.length
  const last = rounds.at(-1)?.usage
  const items = workload.itemsPerOperation ?? 1
  const floorOf = ({ floors }: Round) => floors[workload.floor]
  const ratiosP50 = rounds.map((round) => percentile(round.load.latenciesMs, 0.5) / floorOf(round).p50Ms)
  const perFloorTime = rounds.map((round) => opsPerMs(round) * items * floorOf(round).timeMs)
  return {
    workload: workload.name,
    storage,
    stubs: workload.stubs,
    users: workload.users,
    connections: workload.connections,
    itemsPerOperation: items,
    rounds: rounds.length,
    seconds,
    operations,
    opsPerSecond: significant(median(rounds.map(opsPerMs)) * 1000),
    p50Ms: significant(percentile(latenciesMs, 0.5)),
    p99Ms: significant(percentile(latenciesMs, 0.99)),
    cpuMsPerOp: meanOrNull(
      rounds.map(({ cpuMs }) => cpuMs),
      operations,
    ),
    cpuMsPerOpUntilIdle: meanOrNull(
      rounds.map(({ cpuUntilIdleMs }) => cpuUntilIdleMs),
      operations,
    ),
    rssMiB: last == null ? null : significant(last.rssMiB),
    peakRssMiB: last == null ? null : significant(last.peakRssMiB),
    fileDescriptors: last?.fileDescriptors ?? null,
    floors: {
      writeMs: significant(median(rounds.map(({ floors }) => floors.write.p50Ms))),
      readMs: significant(median(rounds.map(({ floors }) => floors.read.p50Ms))),
      readTimeMs: significant(median(rounds.map(({ floors }) => floors.read.timeMs))),
    },
    against: workload.floor,
    ratioP50: significant(median(ratiosP50)),
    itemsPerFloorTime: significant(median(perFloorTime)),
    ratiosP50: ratiosP50.map((ratio) => significant(ratio)),
    settled: rounds.every(({ settled }) => settled),
    node: process.version,
    processors: availableParallelism(),
    loadAverage: significant(loadavg()[0] ?? Number.NaN),
  }
}

function opsPerMs({ load }: Round): number {
  return load.latenciesMs.length / load.elapsedMs
}

function meanOrNull(totals: readonly (number | null)[], count: number): number | null {
  let sum = 0
  for (const total of totals) {
    if (total === null) return null
    sum += total
  }
  return significant(sum / count)
}
